import { randomBytes, randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { makeUser } from '../../support/accounts.ts'
import { build, send } from '../../support/build.ts'
import { createDatabase } from '../../support/database.ts'

const DATABASE_URL = await createDatabase()
/** At a lower one, the fixed cost of each of the hashes that fill up an older one is too much. */
const COST = 9
const OLDER_COST = 8
/** Of all kinds together. */
const TRIES = 500
const MOST_APART = 0.05
/** Beside other processes the clock tells of them too, the processor time does not. */
const MOST_APART_BY_CLOCK = 0.2

test('line 2: a failed login, of nobody, of somebody, or of a hash of an older cost, takes the same bytes and time', async (t: TestContext) => {
  const options = { BCRYPT_COST: COST, LOG_LEVEL: 'warn', TRUST_PROXY: '127.0.0.1' } as const
  const { app } = await build(t, { DATABASE_URL, ...options })
  const somebody = async (cost: number) => (await makeUser(app, 'user', cost)).username
  const nameOf = {
    unknown: async () => `u-${randomUUID()}`,
    wrong: () => somebody(COST),
    older: () => somebody(OLDER_COST),
  }
  const answers = new Set<string>()
  const attempt = async (username: string) => {
    const body = { username, password: 'not the password' }
    const headers = { 'x-request-id': 'same', 'x-forwarded-for': anyAddress() }
    const [begun, used] = [performance.now(), process.cpuUsage()]
    const response = await send(app, 'POST', '/login', { body, headers })
    const { user, system } = process.cpuUsage(used)
    const { date: _, ...others } = response.headers
    answers.add(JSON.stringify([response.statusCode, others, response.body]))
    return { processor: (user + system) / 1_000, clock: performance.now() - begun }
  }

  for (let warmUp = 0; warmUp < 10; warmUp++) await attempt(await nameOf.unknown())
  const spent = new Map(
    Object.keys(nameOf).map((kind): [string, Awaited<ReturnType<typeof attempt>>[]] => [kind, []]),
  )
  for (let tries = 0; tries < TRIES; ) {
    const kinds = await Promise.all(
      Object.entries(nameOf).map(async ([kind, next]) => [kind, await next()] as const),
    )
    // The throttle begins at 100 tries of a name, and at 10 from a range of addresses.
    for (let round = 0; round < 50 && tries < TRIES; round++) {
      for (const [kind, username] of shuffled(kinds)) {
        spent.get(kind)?.push(await attempt(username))
        tries++
      }
    }
  }
  t.assert.strictEqual(answers.size, 1, [...answers].join('\n'))
  t.assert.match([...answers].join(), /INVALID_CREDENTIALS/)
  for (const [measure, most] of [
    ['processor', MOST_APART],
    ['clock', MOST_APART_BY_CLOCK],
  ] as const) {
    const medians = [...spent.values()].map((list) => medianOf(list.map((times) => times[measure])))
    const told = `by the ${measure}, in ms: ${medians.map((ms) => ms.toFixed(2)).join(', ')}`
    t.diagnostic(told)
    t.assert.strictEqual(medians.filter((ms) => ms > 1).length, 3)
    t.assert.ok(Math.max(...medians) < Math.min(...medians) * (1 + most), told)
  }
})

function anyAddress(): string {
  return [10, ...randomBytes(3)].join('.')
}

/** No kind always comes after the same one. */
function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

function medianOf(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
