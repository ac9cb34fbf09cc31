import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { findCredential, renewHash } from '../db/users.ts'
import { clientAddress } from '../plugins/client-address.ts'
import { errors } from '../plugins/errors.ts'
import type { Handler } from './handler.ts'
import { closedObject, MessageWithUser, Password, responses, toUser, Username } from './schemas.ts'

export interface LoginOptions {
  /** How long a session lives at most, in ms. */
  sessionLifetimeMs: number
}

const loginSchema = {
  operationId: 'login',
  body: closedObject({ username: Username, password: Password }),
  response: responses(MessageWithUser, 400, 413, 415),
}

/** `POST /login`. Its scope has @fastify/session. */
export default (async (app, { sessionLifetimeMs }) => {
  const login: Handler<typeof loginSchema> = async (request) => {
    const { username, password } = request.body
    const credential = await findCredential(app.db, username)
    const matches = await app.passwords.verify(password, credential?.passwordHash)
    if (!credential || !matches || credential.disabled) {
      request.log.info({ userId: credential?.id, disabled: credential?.disabled }, 'login refused')
      throw new errors.INVALID_CREDENTIALS()
    }

    let { passwordHash } = credential
    if (app.passwords.isOutdated(passwordHash)) {
      const renewed = await app.passwords.hash(password)
      await renewHash(app.db, credential.id, { old: passwordHash, renewed })
      passwordHash = renewed
    }

    // A new id, and the old session's end: one that was planted before the login is worth nothing.
    await request.session.regenerate()
    request.session.login = {
      userId: credential.id,
      passwordHash,
      lifetimeMs: sessionLifetimeMs,
      address: clientAddress(request),
      userAgent: request.headers['user-agent'],
    }
    await request.session.save()
    // Else the plugin clears the old cookie beside setting the new one: two of one name.
    delete request.cookies[app.sessionCookie.name]
    return { message: 'Logged in.', user: toUser(credential) }
  }

  app.route({ method: 'POST', url: '/login', schema: loginSchema, handler: login })
}) satisfies FastifyPluginAsyncTypebox<LoginOptions>
