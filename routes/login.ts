import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { transaction } from '../db/client.ts'
import { recordFailedLogin } from '../db/events.ts'
import { replaceSession } from '../db/sessions.ts'
import { clearFailures, countLogin, uncountLogin } from '../db/throttle.ts'
import { type Credential, findCredential, renewHash } from '../db/users.ts'
import { addressRange, clientAddress } from '../plugins/client-address.ts'
import { errors } from '../plugins/errors.ts'
import { originOf } from '../plugins/origin.ts'
import type { Handler } from './handler.ts'
import { closedObject, MessageWithUser, Password, responses, toUser, Username } from './schemas.ts'

export interface LoginOptions {
  /** Whether failed logins delay the next. */
  throttled: boolean
}

const loginSchema = {
  operationId: 'login',
  body: closedObject({ username: Username, password: Password }),
  response: responses(MessageWithUser, 400, 413, 415),
}

/** `POST /login`. Its scope has @fastify/session. */
export default (async (app, { throttled }) => {
  const login: Handler<typeof loginSchema> = async (request, reply) => {
    const { username, password } = request.body
    const range = addressRange(clientAddress(request), 3)
    if (throttled) {
      const waitS = await countLogin(app.db, username, range)
      if (waitS > 0) {
        reply.header('retry-after', waitS)
        throw new errors.LOGIN_THROTTLED()
      }
    }
    const credential = await authenticate(request, username, password).catch(async (error) => {
      if (throttled) await uncountLogin(app.db, username, range).catch(() => undefined)
      throw error
    })
    if (!credential) throw new errors.INVALID_CREDENTIALS()
    if (throttled) await clearFailures(app.db, username, range)

    // A new id, and the old session's end: one that was planted before the login is worth nothing.
    if (request.session.userId !== undefined) {
      await replaceSession(app.db, originOf(request), request.session.sessionId)
    }
    await request.session.regenerate()
    request.session.login = {
      userId: credential.id,
      passwordHash: credential.passwordHash,
      userAgent: request.headers['user-agent'],
      origin: originOf(request),
    }
    await request.session.save()
    return { message: 'Logged in.', user: toUser(credential) }
  }

  app.route({ method: 'POST', url: '/login', schema: loginSchema, handler: login })
}) satisfies FastifyPluginAsyncTypebox<LoginOptions>

/**
 * Checks a name and a password, and renews the hash if it was made at a lower cost.
 *
 * @returns undefined if they are wrong or the account is disabled: the caller tells no difference
 */
async function authenticate(
  request: FastifyRequest,
  username: string,
  password: string,
): Promise<Credential | undefined> {
  const { db, passwords } = request.server
  const credential = await findCredential(db, username)
  const matches = await passwords.verify(password, credential?.passwordHash)
  if (!credential || !matches || credential.disabled) {
    request.log.info({ userId: credential?.id, disabled: credential?.disabled }, 'login refused')
    await transaction(db, (tx) => recordFailedLogin(tx, originOf(request), credential?.id))
    return undefined
  }
  if (!passwords.isOutdated(credential.passwordHash)) return credential
  const renewed = await passwords.hash(password)
  const hashes = { old: credential.passwordHash, renewed }
  if (await renewHash(db, credential.id, hashes)) return { ...credential, passwordHash: renewed }
  // Another login or a change of password was faster: what it left is judged anew.
  return authenticate(request, username, password)
}
