import { pbkdf2Sync, randomBytes, randomUUID, scryptSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { users } from '../../db/schema.ts'
import { createDatabase } from '../support/database/database.ts'
import { statementsDuring } from '../support/database/statements.ts'
import { makeService, makeUser } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'

const DATABASE_URL = await createDatabase()
/** At a lower cost, the fixed work of an extra hash, which fills up an older one, is too visible. */
const COST = 9
const OLDER_COST = 8
/** At least 500 in all, interleaved (OWASP ASVS 5.0, 6.3.8). */
const TRIES_EACH = 85
/** While the medians differ, more tries decide: a difference that other programs cause goes away. */
const MAX_TRIES_EACH = 3 * TRIES_EACH
/** Of about half the work of a bcrypt hash of cost 9. */
const SCRYPT = { N: 4_096, r: 8, p: 1 }
const ITERATIONS = 60_000
/** Largest difference of the medians. */
const TOLERANCE = 0.05

test('a failed login takes the same time, queries and response for an unknown name, a known one, an older hash, scrypt, PBKDF2 and a service account', (t: TestContext) =>
  assertSameTime(t, 'not the password'))

test('a failed login with a password that is not in NFC takes the same time for all of them, too', (t: TestContext) =>
  assertSameTime(t, 'not the pa\u0301ssword'))

async function assertSameTime(t: TestContext, password: string): Promise<void> {
  const options = { BCRYPT_COST: COST, LOG_LEVEL: 'warn', TRUST_PROXY: '127.0.0.1' } as const
  const { app } = await build(t, { DATABASE_URL, ...options })
  const somebody = async (cost: number) => (await makeUser(app, 'user', cost)).username
  const somebodyWith = async (passwordHash: string) => {
    const { id, username } = await makeUser(app)
    await app.db.update(users).set({ passwordHash }).where(eq(users.id, id))
    return username
  }
  const nameOf = {
    unknown: async () => `u-${randomUUID()}`,
    wrong: () => somebody(COST),
    older: () => somebody(OLDER_COST),
    scrypt: () => somebodyWith(scryptHash()),
    pbkdf2: () => somebodyWith(pbkdf2Hash()),
    service: async () => (await makeService(app)).username,
  }
  const answers = new Set<string>()
  /** By processor time, in ms: the time by the clock depends on other processes. */
  const attempt = async (username: string) => {
    const body = { username, password }
    const headers = { 'x-request-id': 'same', 'x-forwarded-for': anyAddress() }
    const before = process.cpuUsage()
    const login = await statementsDuring(() => send(app, 'POST', '/login', { body, headers }))
    const { user, system } = process.cpuUsage(before)
    const { date: _, ...others } = login.result.headers
    answers.add(JSON.stringify([login.result.statusCode, others, login.result.body]))
    return { ms: (user + system) / 1_000, queries: login.statements.length }
  }

  for (let warmUp = 0; warmUp < 10; warmUp++) await attempt(await nameOf.unknown())
  const spent = new Map<string, Awaited<ReturnType<typeof attempt>>[]>()
  const newNames = () =>
    Promise.all(Object.entries(nameOf).map(async ([kind, next]) => [kind, await next()] as const))
  let names = await newNames()
  const mediansOf = (figure: 'ms' | 'queries') =>
    [...spent.values()].map((list) => medianOf(list.map((login) => login[figure])))
  const isSame = () => {
    const medians = mediansOf('ms')
    return Math.max(...medians) < Math.min(...medians) * (1 + TOLERANCE)
  }
  for (let round = 0; round < MAX_TRIES_EACH; round++) {
    if (round > 0 && round % TRIES_EACH === 0 && isSame()) break
    if (round % 50 === 49) names = await newNames() // before the throttle stops an account
    for (const [kind, username] of shuffled(names)) {
      spent.set(kind, [...(spent.get(kind) ?? []), await attempt(username)])
    }
  }
  t.assert.strictEqual(answers.size, 1, [...answers].join('\n'))
  t.assert.match([...answers].join(), /INVALID_CREDENTIALS/)
  const queries = mediansOf('queries')
  t.assert.strictEqual(new Set(queries).size, 1, queries.join(', '))
  const medians = mediansOf('ms')
  const kinds = [...spent.keys()].map((kind, i) => `${kind} ${medians[i]?.toFixed(2)}`)
  const tries = [...spent.values()][0]?.length
  const found = `processor time in ms of ${tries} each: ${kinds.join(', ')}`
  t.diagnostic(found)
  t.assert.ok(Math.min(...medians) > 1, found)
  t.assert.ok(isSame(), found)
}

/** As Werkzeug writes it. */
function scryptHash(): string {
  const { N, r, p } = SCRYPT
  const digest = scryptSync('the password', 'salt', 64, SCRYPT)
  return `scrypt:${N}:${r}:${p}$salt$${digest.toString('hex')}`
}

function pbkdf2Hash(): string {
  const digest = pbkdf2Sync('the password', 'salt', ITERATIONS, 32, 'sha256')
  return `pbkdf2:sha256:${ITERATIONS}$salt$${digest.toString('hex')}`
}

function anyAddress(): string {
  return [10, ...randomBytes(3)].join('.')
}

/** In random order, so that no kind always follows the same one. */
function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

function medianOf(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
