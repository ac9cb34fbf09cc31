import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { inArray, sql } from 'drizzle-orm'
import { digest } from '../db/digest.ts'
import { sessions, tokens, users } from '../db/schema.ts'
import { createDatabase } from './support/database/database.ts'
import { type Account, makeUser, signIn } from './support/http/accounts.ts'
import { type App, build, send, TEST_COST } from './support/http/build.ts'

const DATABASE_URL = await createDatabase()
/** For each ending: 1,000 in all. */
const RACES = 250
const AT_ONCE = 20

interface Racer extends Account {
  cookie: string
}

/** What ends the access of an account or of its session. */
const ENDINGS = {
  logout: (app: App, { cookie }: Racer) => send(app, 'POST', '/logout', { cookie }),
  'password change': (app: App, { id }: Racer, admin: string) =>
    send(app, 'PUT', `/user/update-password/${id}`, {
      cookie: admin,
      body: { password: 'a password after the race' },
    }),
  deletion: (app: App, { id }: Racer, admin: string) =>
    send(app, 'DELETE', `/user/${id}`, { cookie: admin }),
  disabling: (app: App, { id }: Racer, admin: string) =>
    send(app, 'PATCH', `/user/${id}`, { cookie: admin, body: { disabled: true } }),
}
type Ending = keyof typeof ENDINGS

/** Requests with the old cookie: each would change something if it were permitted. */
const SLOW_REQUESTS = [
  ['POST', '/tokens', { name: 'made in the race' }],
  ['PUT', '/user/update-password/:own', { password: 'changed in the race' }],
  ['DELETE', '/sessions', {}],
] as const

for (const ending of Object.keys(ENDINGS) as Ending[]) {
  test(`requests that are slow to send their body during a ${ending} have no later success and leave no row`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const admin = await signIn(app, await makeUser(app, 'admin'))
    const racers = await makeRacers(app, RACES)
    const made: number[] = []
    for (let start = 0; start < racers.length; start += AT_ONCE) {
      const batch = racers.slice(start, start + AT_ONCE)
      await Promise.all(
        batch.map(async (racer, index) => {
          const { token } = await race(t, app, racer, admin, ending, index)
          if (token) made.push(token)
        }),
      )
    }
    const rowsIn = async (table: typeof sessions | typeof tokens) => {
      const ids = racers.map(({ id }) => id)
      const rows = await app.db.select().from(table).where(inArray(table.userId, ids))
      return rows.map(({ id }) => id).sort()
    }
    t.assert.deepStrictEqual(await rowsIn(sessions), [])
    // A token that was created before a logout stays. No other token does.
    t.assert.deepStrictEqual(await rowsIn(tokens), ending === 'logout' ? made.sort() : [])
  })
}

/**
 * The guard accepts the slow request, access ends, and the request's body arrives. In every
 * other race the body arrives while access is being ended, and either may be first.
 *
 * @returns the id of the token that was made before access ended
 */
async function race(
  t: TestContext,
  app: App,
  racer: Racer,
  admin: string,
  ending: Ending,
  index: number,
): Promise<{ token: number | undefined }> {
  const { cookie, username, password } = racer
  const [method, url, body] = SLOW_REQUESTS[index % SLOW_REQUESTS.length] ?? SLOW_REQUESTS[0]
  const slow = new SlowBody(JSON.stringify(body))
  const asking = app.inject({
    method,
    url: url.replace(':own', String(racer.id)),
    headers: { cookie, 'content-type': 'application/json' },
    payload: slow,
  })
  const pending = asking.then((answer) => answer)
  await slow.wanted
  const isTight = index % 2 === 1
  // With the old password: what ends all sessions ends this one too.
  const login =
    isTight && ending !== 'logout' && send(app, 'POST', '/login', { body: { username, password } })
  const ended = ENDINGS[ending](app, racer, admin).then((answer) => answer)
  if (!isTight) await ended
  slow.arrive()
  const { statusCode } = await ended
  // If the slow request won a tight race, the session that logs out may have ended.
  t.assert.ok(statusCode === 200 || (isTight && ending === 'logout'), `${ending}: ${statusCode}`)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 401)
  const answer = await pending
  t.assert.ok(isTight || answer.statusCode === 401, `${method} ${url}: ${answer.statusCode}`)
  await login
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 401)
  return { token: url === '/tokens' && answer.statusCode === 200 ? answer.json().id : undefined }
}

/** A body that arrives on demand, and that emits `wanted` when the server waits for it. */
class SlowBody extends Readable {
  readonly wanted = once(this, 'wanted')
  readonly #text: string

  constructor(text: string) {
    super()
    this.#text = text
  }

  override _read(): void {
    this.emit('wanted')
  }

  arrive(): void {
    this.push(this.#text)
    this.push(null)
  }
}

/** Accounts with a session each, made in two statements. */
async function makeRacers(app: App, many: number): Promise<Racer[]> {
  const password = 'a password before the race'
  const passwordHash = await hash(password, { cost: TEST_COST })
  const names = Array.from({ length: many }, () => `racer-${randomUUID()}`)
  await app.db
    .insert(users)
    .values(names.map((username) => ({ username, usernameKey: username, passwordHash })))
  const rows = await app.db.select().from(users).where(inArray(users.usernameKey, names))
  const { name, signer } = app.sessionCookie
  const racers = rows.map(({ id, username }) => {
    const secretId = randomBytes(24).toString('base64url')
    const cookie = `${name}=${encodeURIComponent(signer.sign(secretId))}`
    return { id, username, password, passwordHash, secretId, cookie }
  })
  const expiresAt = sql`CURRENT_TIMESTAMP(3) + INTERVAL 1 HOUR`
  await app.db
    .insert(sessions)
    .values(racers.map(({ id, secretId }) => ({ userId: id, digest: digest(secretId), expiresAt })))
  return racers
}
