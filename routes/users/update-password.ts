import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { isWanted } from '../../db/queries/authority.ts'
import { changePassword, findCredentialById } from '../../db/queries/users.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { hangUpOf } from '../../plugins/passwords/hang-up.ts'
import { changeTo } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { permitted } from '../common/refusals.ts'
import { closedObject, IdParams, Message, NewPassword, Password, ref } from '../common/schemas.ts'

export const PasswordChange = closedObject(
  { password: NewPassword, currentPassword: Type.Optional(Password) },
  {
    $id: 'PasswordChange',
    description: 'The new password. The current one, if it is given, has to be right',
  },
)

const updatePasswordSchema = {
  operationId: 'updatePassword',
  tags: ['Accounts'],
  summary: 'Change a password',
  description:
    'For your own account, or as an admin for any. It ends all tokens of the account and all its sessions but the one that asks.',
  params: IdParams,
  body: ref(PasswordChange),
  response: { 200: ref(Message) },
}

/** `PUT /user/update-password/{id}`. The scope asks for one's own account or an admin. */
export default (async (app) => {
  const updatePassword: Handler<typeof updatePasswordSchema> = async (request, reply) => {
    const { password, currentPassword } = request.body
    app.passwords.check(password) // before the account is looked for: 400 comes before 404
    const signal = hangUpOf(reply)
    const change = changeTo(request, Number(request.params.id))
    const account = await findCredentialById(app.db, change.userId)
    if (!account) {
      const isOwn = change.userId === change.actor.id // deleted since the guard let it in
      throw new errors[isOwn ? 'UNAUTHENTICATED' : 'USER_NOT_FOUND']()
    }
    app.passwords.check(password, account.username)
    // Asked for again within the change: here it saves the hash.
    if (!isWanted(change, account)) throw new errors.PRECONDITION_FAILED()
    if (
      currentPassword !== undefined &&
      !(await app.passwords.verify(currentPassword, account.passwordHash, signal))
    ) {
      throw wrongCurrentPassword()
    }
    const passwordHash = await app.passwords.hash(password, signal)
    const expectedHash = currentPassword === undefined ? undefined : account.passwordHash
    const outcome = await changePassword(app.db, change, { passwordHash, expectedHash })
    if (permitted(outcome) === 'password-changed') throw wrongCurrentPassword()
    return { message: 'Password changed.' }
  }

  app.route({
    method: 'PUT',
    url: '/user/update-password/:id',
    config: {
      condition: 'if-match',
      errors: [
        ...(['PASSWORD_MISSING', 'PASSWORD_REFUSED', 'WRONG_CURRENT_PASSWORD'] as const),
        ...(['USER_NOT_FOUND', 'PRECONDITION_FAILED', 'HASH_CAPACITY'] as const),
      ],
    },
    schema: updatePasswordSchema,
    preValidation: requirePassword,
    handler: updatePassword,
  })
}) satisfies FastifyPluginAsyncTypebox

/** A missing or empty password is a 403 here, before all that is wrong with the body. */
async function requirePassword({ body }: FastifyRequest): Promise<void> {
  const isMissing =
    body === undefined || (isRecord(body) && (body.password === undefined || body.password === ''))
  if (isMissing) throw new errors.PASSWORD_MISSING().at('body.password', 'is required')
}

function isRecord(body: unknown): body is Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}

function wrongCurrentPassword() {
  return new errors.WRONG_CURRENT_PASSWORD().at('body.currentPassword', 'is wrong')
}
