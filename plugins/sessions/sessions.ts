import cookie from '@fastify/cookie'
import session, { type SessionStore } from '@fastify/session'
import fp from 'fastify-plugin'
import { hexDigest } from '../../db/digest.ts'
import type { Lookups } from '../../db/lookups/lookups.ts'

declare module 'fastify' {
  interface Session {
    /** The account that is logged in. Undefined until a login. */
    userId?: number
  }
}

/**
 * @fastify/cookie and @fastify/session, for the scope that opens sessions: decorates `request.session`. It creates the
 * session ids and sends the cookie. All other requests are authenticated by the plugin `auth`,
 * which costs a tenth of it.
 */
export default fp(
  async (app) => {
    const { name, attributes, signer } = app.sessionCookie
    await app.register(cookie)
    await app.register(session, {
      cookieName: name,
      cookie: attributes,
      secret: signer,
      store: createStore(app.lookups),
      rolling: false,
      saveUninitialized: false,
    })
    // An error leaves the cookie alone. The plugin would clear it, since the session is not saved.
    app.addHook('onError', async (request) => {
      Object.assign(request, { session: null }) // the type does not allow what the plugin does
    })
    // Replaces the plugin's cookie, which has no `Max-Age`. Only a login saves its session.
    app.addHook('onSend', async ({ session: opened }, reply) => {
      if (opened?.isSaved()) app.sessionCookie.set(reply, opened.sessionId)
    })
  },
  { name: 'sessions', dependencies: ['lookups', 'session-cookie'] },
)

/**
 * Reads sessions, and never writes one: `open` in db/queries/sessions.ts inserts a session and its
 * audit event in one transaction, and nothing in a session changes afterwards. So a slow request
 * cannot bring back a session that has ended (see decision 0002).
 */
export function createStore(lookups: Lookups): SessionStore {
  return {
    get(secretId, done) {
      lookups.find({ session: hexDigest(secretId) }).then(
        // A null maximum age selects the cookie attributes that the plugin is configured with.
        ({ actor }) =>
          done(null, actor ? { userId: actor.id, cookie: { originalMaxAge: null } } : null),
        done,
      )
    },
    set: (_secretId, _session, done) => done(),
    destroy: (_secretId, done) => done(),
  }
}
