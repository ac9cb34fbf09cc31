import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { changePassword, findCredentialById } from '../db/users.ts'
import { errors } from '../plugins/errors.ts'
import { hangUpOf } from '../plugins/hang-up.ts'
import { changeTo } from './change.ts'
import type { Handler } from './handler.ts'
import { permitted } from './outcome.ts'
import { closedObject, IdParams, Message, Password, responses } from './schemas.ts'

const updatePasswordSchema = {
  operationId: 'updatePassword',
  params: IdParams,
  body: closedObject({ password: Password, currentPassword: Type.Optional(Password) }),
  response: responses(Message, 400, 401, 403, 404, 413, 415),
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
