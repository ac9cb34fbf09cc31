import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import { withoutSignal } from '../../db/client.ts'
import { databaseFault } from '../../db/errors.ts'
import { recordFailure } from '../../db/queries/events.ts'
import type { SessionLimits } from '../../db/queries/live-sessions.ts'
import * as sessions from '../../db/queries/sessions.ts'
import * as users from '../../db/queries/users.ts'
import { type Work, workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, links, successHeaders } from '../../plugins/openapi/declarations.ts'
import type { HashPlace } from '../../plugins/passwords/hash-queue.ts'
import { originOf } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { attemptPassword, type ThrottleOptions } from '../common/password-attempt.ts'
import { closedObject, ref } from '../common/schemas.ts'
import { Password, toUser, UserMessage, Username } from '../users/schemas.ts'

export interface LoginOptions extends ThrottleOptions {
  limits: SessionLimits
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
    'Opens a session and sets its cookie. If the request has a session already, that session ends. Above the maximum number of sessions, the oldest one ends. An unknown username and a wrong password get the same response. After several failed logins, the next attempt must wait.',
  body: ref(Credentials),
  response: {
    200: ref(UserMessage),
    ...successHeaders('Set-Cookie'),
    ...links({ getMe: {}, listSessions: {}, logout: {} }),
    ...errorResponses('INVALID_CREDENTIALS', 'LOGIN_THROTTLED', 'HASH_CAPACITY'),
  },
}

/** `POST /login`. Its scope has @fastify/session. */
export default (async (app, { throttled, limits }) => {
  const login: Handler<typeof loginSchema> = async (request, reply) => {
    const { body, clientAddress: address, log } = request
    const work = workOf(reply)
    const { db } = work
    const attempt = { throttled, db, username: body.username, address }
    const { ok, account } = await attemptPassword(app, attempt, (place) =>
      verify(app, body, { ...work, place, cause: request }, log),
    )
    if (!ok) {
      const { id: userId, disabled } = account ?? {}
      log.info({ userId, disabled }, 'login refused')
      await recordFailure(withoutSignal(db), originOf(request), { type: 'login', userId })
      throw new errors.INVALID_CREDENTIALS()
    }

    const flaskCookie = app.flaskSessions.read(request)
    const { userId: oldUserId, sessionId: oldSecretId } = request.session
    await request.session.regenerate() // a new id, so that a planted cookie gives no access to the session
    const opened = await sessions.open(db, request.session.sessionId, limits, {
      userId: account.id,
      passwordHash: account.passwordHash,
      version: account.version,
      userAgent: request.headers['user-agent'],
      origin: originOf(request),
      replaces: oldUserId === undefined ? undefined : oldSecretId,
      flaskCookie,
    })
    if (!opened.ok) throw new errors.INVALID_CREDENTIALS()
    request.session.userId = account.id
    await request.session.save()
    app.sessionCookie.forget(request)
    if (flaskCookie) app.flaskSessions.clear(reply)
    return { message: 'Logged in.', user: toUser(account) }
  }

  app.route({ method: 'POST', url: '/login', schema: loginSchema, handler: login })
}) satisfies FastifyPluginAsyncTypebox<LoginOptions>

type LoginCheck =
  | { ok: true; account: users.PasswordCredential }
  | { ok: false; account: users.PasswordCredential | undefined }

/**
 * Verifies a username and a password, and renews an outdated hash.
 *
 * @returns the account of that name, if it exists, and whether the login is accepted
 */
async function verify(
  { passwords, faultLog }: FastifyInstance,
  { username, password }: Static<typeof Credentials>,
  { db, signal, place, cause }: Work & { place: HashPlace; cause: FastifyRequest },
  log: FastifyBaseLogger,
): Promise<LoginCheck> {
  const account = await users.findCredential(db, username)
  const verified = await passwords.verify(password, account?.passwordHash, {
    signal,
    place,
    cause,
  })
  const isPerson = account?.kind === 'person' // the hash of a service account matches no password
  if (!isPerson || !verified.ok || account.disabled) return { ok: false, account }
  if (!verified.isOutdated) return { ok: true, account }
  try {
    const renewed = await passwords.hash(password, { signal, cause })
    const hashes = { old: account.passwordHash, renewed }
    const isStored = await users.renewHash(db, account.id, hashes)
    return { ok: true, account: isStored ? { ...account, passwordHash: renewed } : account }
  } catch (error) {
    const isTemporary = error instanceof errors.HASH_CAPACITY || databaseFault(error) !== undefined
    if (signal.aborted || !isTemporary) throw error
    faultLog.report(error, 'password hash not renewed', log)
    return { ok: true, account } // the password is right; a later login renews the hash
  }
}
