import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { type Database, forRecords } from '../../db/client.ts'
import { recordFailedLogin } from '../../db/queries/events.ts'
import * as sessions from '../../db/queries/sessions.ts'
import { clearFailures, countLogin, uncountLogin } from '../../db/queries/throttle.ts'
import * as users from '../../db/queries/users.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, successHeaders } from '../../plugins/openapi/declarations.ts'
import { originOf } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { closedObject, ref } from '../common/schemas.ts'
import { workOf } from '../common/work.ts'
import { Password, toUser, UserMessage, Username } from '../users/schemas.ts'
import { addressRange } from './address-range.ts'

export interface LoginOptions {
  /** Whether failed logins delay the next one. */
  throttled: boolean
  limits: sessions.SessionLimits
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
export default (async (app, { throttled, limits }) => {
  const login: Handler<typeof loginSchema> = async (request, reply) => {
    const { username, password } = request.body
    app.passwords.queue.assertCapacity() // before the throttle writes: a flood must not reach it
    const range = addressRange(request.clientAddress)
    const { db, signal } = workOf(reply)
    if (throttled) {
      const waitS = await countLogin(db, username, range)
      if (waitS > 0) throw new errors.LOGIN_THROTTLED().retryAfter(waitS)
    }
    const { ok, account } = await verify(app, db, username, password, signal).catch(
      async (error) => {
        if (throttled) await uncountLogin(forRecords(db), username, range).catch(() => undefined)
        throw error
      },
    )
    if (!ok) {
      const { id: userId, disabled } = account ?? {}
      request.log.info({ userId, disabled }, 'login refused')
      await recordFailedLogin(forRecords(db), originOf(request), userId)
      throw new errors.INVALID_CREDENTIALS()
    }
    if (throttled) await clearFailures(db, username, range)

    const { userId: oldUserId, sessionId: oldSecretId } = request.session
    await request.session.regenerate() // a new id, so that a planted cookie is worth nothing
    const opened = await sessions.open(db, request.session.sessionId, limits, {
      userId: account.id,
      passwordHash: account.passwordHash,
      userAgent: request.headers['user-agent'],
      origin: originOf(request),
      replaces: oldUserId === undefined ? undefined : oldSecretId,
    })
    if (!opened.ok) throw new errors.INVALID_CREDENTIALS()
    request.session.userId = account.id
    await request.session.save()
    app.sessionCookie.forget(request)
    return { message: 'Logged in.', user: toUser(account) }
  }

  app.route({ method: 'POST', url: '/login', schema: loginSchema, handler: login })
}) satisfies FastifyPluginAsyncTypebox<LoginOptions>

type Verification =
  | { ok: true; account: users.PasswordCredential }
  | { ok: false; account: users.PasswordCredential | undefined }

/**
 * Verifies a username and a password, and renews the hash if its cost is lower than configured.
 *
 * @returns the account of that name, if it exists, and whether the login is accepted
 */
async function verify(
  { passwords }: FastifyInstance,
  db: Database,
  username: string,
  password: string,
  signal: AbortSignal,
): Promise<Verification> {
  for (;;) {
    const account = await users.findCredential(db, username)
    const matches = await passwords.verify(password, account?.passwordHash, signal)
    if (!account || !matches || account.disabled) return { ok: false, account }
    if (!passwords.isOutdated(account.passwordHash)) return { ok: true, account }
    const renewed = await passwords.hash(password, signal)
    const hashes = { old: account.passwordHash, renewed }
    if (await users.renewHash(db, account.id, hashes)) {
      return { ok: true, account: { ...account, passwordHash: renewed } }
    }
    // Another login or a password change was faster: verify against the hash that it stored.
  }
}
