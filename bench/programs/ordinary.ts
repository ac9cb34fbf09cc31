// The same read in the usual way: @fastify/session on the route, one Drizzle query for the session
// and one for the user. It shows what the guard and the batched lookups save.
import cookie from '@fastify/cookie'
import session, { type SessionStore } from '@fastify/session'
import { and, eq, gt } from 'drizzle-orm'
import Fastify from 'fastify'
import { openDatabase } from '../../db/client.ts'
import { now } from '../../db/clock.ts'
import { digest } from '../../db/digest.ts'
import { sessions, users } from '../../db/schema.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { formats, IdParams } from '../../routes/common/schemas.ts'
import { Role, toUser, User } from '../../routes/users/schemas.ts'

const { PORT, DATABASE_URL = '', SESSION_SECRET = '' } = process.env
const db = openDatabase(DATABASE_URL, { connections: 10 })

const store: SessionStore = {
  get(secretId, done) {
    db.select()
      .from(sessions)
      .where(and(eq(sessions.digest, digest(secretId)), gt(sessions.expiresAt, now)))
      .then(
        ([row]) =>
          done(null, row ? { userId: row.userId, cookie: { originalMaxAge: null } } : null),
        done,
      )
  },
  set: (_secretId, _session, done) => done(),
  destroy: (_secretId, done) => done(),
}

const app = Fastify({
  logger: false,
  ajv: { customOptions: { formats, keywords: [DOCUMENTED_AS] } }, // the schemas use both
})
app.addSchema(Role)
await app.register(cookie)
await app.register(session, {
  cookieName: 'session',
  secret: SESSION_SECRET,
  cookie: { secure: false },
  store,
  rolling: false,
  saveUninitialized: false,
})
app.get<{ Params: { id: string } }>(
  '/user/:id',
  { schema: { params: IdParams, response: { 200: User } } },
  async ({ params, session: { userId } }, reply) => {
    if (userId === undefined) return reply.code(401).send()
    const [user] = await db
      .select()
      .from(users)
      .where(eq(users.id, Number(params.id)))
    return user ? toUser(user) : reply.code(404).send()
  },
)
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
