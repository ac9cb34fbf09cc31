import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { withoutSignal } from '../../db/client.ts'
import { hasWantedVersion } from '../../db/queries/authority.ts'
import { recordFailure } from '../../db/queries/events.ts'
import * as users from '../../db/queries/users.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses } from '../../plugins/openapi/declarations.ts'
import { changeTo } from '../common/change.ts'
import { wantedVersions } from '../common/entity-tags.ts'
import type { Handler } from '../common/handler.ts'
import { attemptPassword, type ThrottleOptions } from '../common/password-attempt.ts'
import { acceptedEnding, refusalError } from '../common/refusals.ts'
import { closedObject, IdParams, Message, ref } from '../common/schemas.ts'
import { NewPassword, Password } from './schemas.ts'

export const PasswordChange = closedObject(
  { password: NewPassword, currentPassword: Type.Optional(Password) },
  {
    $id: 'PasswordChange',
    description: 'The new password. If the current password is given, it must be right',
  },
)

const updatePasswordSchema = {
  operationId: 'updatePassword',
  tags: ['Accounts'],
  summary: 'Change a password',
  description:
    'For your own account, or for any account as an admin. It ends all tokens of the account and all its sessions except the session of this request. A wrong current password counts as a failed login.',
  params: IdParams,
  body: ref(PasswordChange),
  response: {
    200: ref(Message),
    ...errorResponses(
      'NO_PASSWORD',
      'PASSWORD_MISSING',
      'PASSWORD_REFUSED',
      'WRONG_CURRENT_PASSWORD',
      'USER_NOT_FOUND',
      'PRECONDITION_FAILED',
      'LOGIN_THROTTLED',
      'HASH_CAPACITY',
    ),
  },
}

/** `PUT /user/update-password/{id}`, for the account itself and for admins, by session only. */
export default (async (app, { throttled }) => {
  const updatePassword: Handler<typeof updatePasswordSchema> = async (request, reply) => {
    const { password, currentPassword } = request.body
    app.passwords.check(password) // before the account is read: 400 comes before 404
    const { db, signal } = workOf(reply)
    const work = { signal, cause: request }
    const change = changeTo(request, Number(request.params.id), wantedVersions(request))
    const account = await users.findCredentialById(db, change.userId)
    if (!account) {
      const isOwn = change.userId === change.actor.id // deleted since the guard's check
      throw refusalError(isOwn ? 'actor-gone' : 'not-found')
    }
    if (account.kind === 'service') throw refusalError('no-password')
    app.passwords.check(password, account.username)
    // The change checks the version again. This check saves the hash.
    if (!hasWantedVersion(change, account)) throw refusalError('version-differs')
    if (currentPassword !== undefined) {
      const { username } = account
      const attempt = { throttled, db, username, address: request.clientAddress }
      const { ok } = await attemptPassword(app, attempt, (place) =>
        app.passwords.verify(currentPassword, account.passwordHash, { ...work, place }),
      )
      if (!ok) {
        const who = { actorId: change.actor.id, userId: account.id }
        await recordFailure(withoutSignal(db), change.origin, { type: 'password_changed', ...who })
        throw refusalError('wrong-current-password')
      }
    }
    const passwordHash = await app.passwords.hash(password, work)
    const current = currentPassword === undefined ? undefined : account
    return app.idempotency.change(request, reply, async (work) => {
      const changed = await users.changePassword(work.db, change, { passwordHash, current })
      acceptedEnding(app, work, changed)
      return { message: 'Password changed.' }
    })
  }

  app.route({
    method: 'PUT',
    url: '/user/update-password/:id',
    schema: updatePasswordSchema,
    preValidation: requirePassword,
    config: { scope: 'no-token', idempotencyKey: true },
    handler: updatePassword,
  })
}) satisfies FastifyPluginAsyncTypebox<ThrottleOptions>

/** A missing or empty password is a 403, which comes before other errors of the body. */
async function requirePassword({ body }: FastifyRequest): Promise<void> {
  const isMissing =
    body === undefined || (isRecord(body) && (body.password === undefined || body.password === ''))
  if (isMissing) throw new errors.PASSWORD_MISSING().at('body.password', 'is required')
}

function isRecord(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}
