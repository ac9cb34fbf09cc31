import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { makeUser } from '../support/accounts.ts'
import { build, send } from '../support/build.ts'
import { createDatabase } from '../support/database.ts'

const DATABASE_URL = await createDatabase()
const COST = 7
const OLDER_COST = 5
/** Tries of a round, of all kinds together. */
const TRIES = 500
/** Other processes disturb a round now and then; what really differs does so in each. */
const ROUNDS = 4
const MOST_APART = 0.05

test('line 2: a failed login, of nobody, of somebody, or of a hash of an older cost, takes the same bytes and time', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST, LOG_LEVEL: 'warn' })
  const kinds = {
    unknown: `u-${randomUUID()}`,
    wrong: (await makeUser(app, 'user', COST)).username,
    older: (await makeUser(app, 'user', OLDER_COST)).username,
  }
  const answers = new Set<string>()
  const attempt = async (username: string) => {
    const body = { username, password: 'not the password' }
    const headers = { 'x-request-id': 'same' }
    const begun = performance.now()
    const response = await send(app, 'POST', '/login', { body, headers })
    const duration = performance.now() - begun
    const { date: _, ...others } = response.headers
    answers.add(JSON.stringify([response.statusCode, others, response.body]))
    return duration
  }

  for (let warmUp = 0; warmUp < 10; warmUp++) await attempt(kinds.unknown)
  let apart = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS && !(apart < MOST_APART); round++) {
    const durations: Record<string, number[]> = { unknown: [], wrong: [], older: [] }
    for (let tries = 0; tries < TRIES; tries += Object.keys(kinds).length) {
      for (const [kind, username] of shuffled(Object.entries(kinds))) {
        durations[kind]?.push(await attempt(username))
      }
    }
    const medians = Object.values(durations).map(medianOf)
    apart = Math.max(...medians) / Math.min(...medians) - 1
    t.diagnostic(`medians in ms: ${medians.map((ms) => ms.toFixed(2)).join(', ')}`)
  }
  t.assert.ok(apart < MOST_APART, `the medians are ${(apart * 100).toFixed(1)} % apart`)
  t.assert.strictEqual(answers.size, 1, [...answers].join('\n'))
  t.assert.match([...answers].join(), /INVALID_CREDENTIALS/)
})

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
