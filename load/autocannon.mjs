// Closed model: each connection sends its next request once the last one is answered.
// Settings, by the environment, and what they mean: README.md. It ends with 1 if a threshold is broken.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'

/** In ms: a login waits for its hash and for those before it. */
const P99_LIMITS = { read: 100, login: 2_000, mixed: 2_000 }
/** Of all connections together: more make no other load. */
const MOST_REQUESTS = 10_000
/** One login to nineteen reads. */
const LOGIN_EACH = 20
/** How far the account that is read is from the one that asks. */
const DISTANCE = 7

const {
  SCENARIO = 'read',
  BASE_URL = 'http://127.0.0.1:3000',
  CONNECTIONS = '16',
  DURATION = '10',
  RATE = '',
  DATA = fileURLToPath(new URL('data', import.meta.url)),
} = process.env

if (!isScenario(SCENARIO)) {
  console.error('SCENARIO is read, login or mixed.')
  process.exit(2)
}
const connections = Number(CONNECTIONS)
const limitMs = Number(process.env.P99_MS || P99_LIMITS[SCENARIO])
const requests = requestsOf(SCENARIO)

let next = 0
const result = await autocannon({
  url: BASE_URL,
  connections,
  duration: Number(DURATION),
  ...(RATE && { overallRate: Number(RATE) }),
  setupClient(client) {
    const own = next++
    // Its own share, so that no two ask as the same account at once.
    const share = requests.filter((_, index) => index % connections === own)
    client.setRequests(share.length > 0 ? share : requests)
  },
})

const { total, average } = result.requests
const { p50, p99 } = result.latency
console.log(`${SCENARIO}: ${total} requests, ${average} a second; p50 ${p50} ms, p99 ${p99} ms`)
// Each of them is a promise: one that is broken makes the exit code 1.
assert(total > 0, 'there were answers')
assert(result.errors === 0, `${result.errors} requests without an answer`)
assert(result.non2xx === 0, `${result.non2xx} answers other than 2xx`)
assert(p99 <= limitMs, `p99 of at most ${limitMs} ms`)

/**
 * @param {boolean} holds
 * @param {string} what
 */
function assert(holds, what) {
  console.log(`${holds ? 'held  ' : 'BROKEN'} ${what}`)
  if (!holds) process.exitCode = 1
}

/**
 * @param {string} name
 * @returns {name is 'read' | 'login' | 'mixed'}
 */
function isScenario(name) {
  return Object.hasOwn(P99_LIMITS, name)
}

/**
 * @param {'read' | 'login' | 'mixed'} scenario
 * @returns {autocannon.Request[]}
 */
function requestsOf(scenario) {
  const users = rows('users.csv')
  if (scenario === 'login') return users.map(login)
  const reads = rows('cookies.csv').map(([cookie = ''], index) => {
    const [id] = users[(index + DISTANCE) % users.length] ?? []
    return { method: /** @type {const} */ ('GET'), path: `/user/${id}`, headers: { cookie } }
  })
  if (scenario === 'read') return reads
  // Each connection takes every so many of them: counted in rounds, so that all get their logins.
  return reads.map((read, index) => {
    const round = Math.floor(index / connections) + (index % connections)
    return round % LOGIN_EACH === 0 ? login(users[index % users.length] ?? []) : read
  })
}

/**
 * @param {string[]} user
 * @returns {autocannon.Request}
 */
function login([, username, password]) {
  return {
    method: 'POST',
    path: '/login',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  }
}

/**
 * @param {string} name of a file that `gatehouse seed` wrote: its values hold no comma
 * @returns {string[][]}
 */
function rows(name) {
  const [, ...lines] = readFileSync(join(DATA, name), 'utf8').trimEnd().split('\n')
  return lines.slice(0, MOST_REQUESTS).map((line) => line.split(','))
}
