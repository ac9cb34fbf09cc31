import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { recordFailedLogin } from '../../db/queries/events.ts'
import { clearFailures, countLogin, uncountLogin } from '../../db/queries/throttle.ts'
import { findCredential, type PasswordCredential, renewHash } from '../../db/queries/users.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, successHeaders } from '../../plugins/openapi/declarations.ts'
import { hangUpOf } from '../../plugins/passwords/hang-up.ts'
import { originOf } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { closedObject, ref } from '../common/schemas.ts'
import { Password, toUser, UserMessage, Username } from '../users/schemas.ts'
import { addressRange } from './address-range.ts'

export interface LoginOptions {
  /** Whether failed logins delay the next. */
  throttled: boolean
}

export const Credentials = closedObject(
  { username: Username, password: Password },
  { $id: 'Credentials', description: 'The username, case-insensitive, and the password' },
)

const loginSchema = {
  operationId: 'login',
  tags: ['Sessions'],
  summary: 'Log in',
  description:
    'Opens a session and sets its cookie. If the request has a session already, that session ends. An unknown username and a wrong password get the same response. After several failed logins, the next attempt must wait.',
  body: ref(Credentials),
  response: {
    200: ref(UserMessage),
    ...successHeaders('set-cookie'),
    ...errorResponses('INVALID_CREDENTIALS', 'LOGIN_THROTTLED', 'HASH_CAPACITY'),
  },
}

/** `POST /login`. Its scope has @fastify/session. */
export default (async (app, { throttled }) => {
  const login: Handler<typeof loginSchema> = async (request, reply) => {
    const { username, password } = request.body
    app.passwords.lane.assertRoom() // before the throttle's writes, which a flood would multiply
    const range = addressRange(request.clientAddress)
    if (throttled) {
      const waitS = await countLogin(app.db, username, range)
      if (waitS > 0) throw new errors.LOGIN_THROTTLED().retryAfter(waitS)
    }
    const { credential, isRight } = await judge(app, username, password, hangUpOf(reply)).catch(
      async (error) => {
        if (throttled) await uncountLogin(app.db, username, range).catch(() => undefined)
        throw error
      },
    )
    if (!credential || !isRight) {
      const { id: userId, disabled } = credential ?? {}
      request.log.info({ userId, disabled }, 'login refused')
      await recordFailedLogin(app.db, originOf(request), userId)
      throw new errors.INVALID_CREDENTIALS()
    }
    if (throttled) await clearFailures(app.db, username, range)

    const { userId: oldUserId, sessionId: oldSecretId } = request.session
    // A new id, and the old session's end: one that was planted before the login is worth nothing.
    await request.session.regenerate()
    request.session.login = {
      userId: credential.id,
      passwordHash: credential.passwordHash,
      userAgent: request.headers['user-agent'],
      origin: originOf(request),
      replaces: oldUserId === undefined ? undefined : oldSecretId,
    }
    await request.session.save()
    return { message: 'Logged in.', user: toUser(credential) }
  }

  app.route({ method: 'POST', url: '/login', schema: loginSchema, handler: login })
}) satisfies FastifyPluginAsyncTypebox<LoginOptions>

/**
 * Checks a name and a password, and renews the hash if it was made at a lower cost.
 *
 * @returns the account of that name, if there is one, and whether it may be entered
 */
async function judge(
  { db, passwords }: FastifyInstance,
  username: string,
  password: string,
  signal: AbortSignal,
): Promise<{ credential: PasswordCredential | undefined; isRight: boolean }> {
  for (;;) {
    const credential = await findCredential(db, username)
    const matches = await passwords.verify(password, credential?.passwordHash, signal)
    if (!credential || !matches || credential.disabled) return { credential, isRight: false }
    if (!passwords.isOutdated(credential.passwordHash)) return { credential, isRight: true }
    const renewed = await passwords.hash(password, signal)
    const hashes = { old: credential.passwordHash, renewed }
    if (await renewHash(db, credential.id, hashes)) {
      return { credential: { ...credential, passwordHash: renewed }, isRight: true }
    }
    // Another login or a change of password was faster: what it left is judged anew.
  }
}
