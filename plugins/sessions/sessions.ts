import session, { type SessionStore } from '@fastify/session'
import fp from 'fastify-plugin'
import type { Database } from '../../db/client.ts'
import { hexDigest } from '../../db/digest.ts'
import type { Lookups } from '../../db/lookups/lookups.ts'
import { type NewSession, openSession, type SessionLimits } from '../../db/queries/sessions.ts'
import { errors } from '../errors/errors.ts'

declare module 'fastify' {
  interface Session {
    /** Set by a login: saving the session opens it for this account. */
    login?: NewSession
    /** Set on what the store brings back. */
    userId?: number
  }
}

/**
 * @fastify/session, for the scope in which sessions are made: decorates
 * `request.session`. Reads of who is asking go by `auth` instead, past its cost.
 */
export default fp<SessionLimits>(
  async (app, limits) => {
    const { name, attributes, signer } = app.sessionCookie
    await app.register(session, {
      cookieName: name,
      cookie: attributes,
      secret: signer,
      store: createStore(app.db, app.lookups, limits),
      rolling: false,
      saveUninitialized: false,
    })
    // The session is found by now. With the old cookie in sight the plugin would clear it as it
    // sends: beside a new one of the same name, and without `Secure`.
    app.addHook('onRequest', ({ cookies }, _reply, done) => {
      delete cookies[name]
      done()
    })
  },
  { name: 'sessions', dependencies: ['database', 'lookups', 'session-cookie'] },
)

/**
 * All that a session holds is fixed when it is opened, so saving one that was read writes
 * nothing, and a slow request can't bring back a session that was ended meanwhile.
 */
export function createStore(db: Database, lookups: Lookups, limits: SessionLimits): SessionStore {
  return {
    get(secretId, done) {
      lookups.actorBySession(hexDigest(secretId)).then(
        // Null attributes: the ones that the plugin is configured with.
        (actor) =>
          done(null, actor ? { userId: actor.id, cookie: { originalMaxAge: null } } : null),
        done,
      )
    },
    set(secretId, session, done) {
      const { login } = session
      if (!login) return done()
      // Taken off first: after a failure the plugin saves again while it sends the error.
      delete session.login
      openSession(db, secretId, login, limits).then((opened) => {
        if (!opened) return done(new errors.INVALID_CREDENTIALS())
        session.userId = login.userId
        done()
      }, done)
    },
    // Only a login destroys a session, that which it came with: `openSession` ends it.
    destroy: (_secretId, done) => done(),
  }
}
