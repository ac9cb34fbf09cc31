// Closed model: each connection sends its next request after the response to the last one.
// README.md lists the settings, which come from the environment. Exits with 1 if a threshold fails.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'

/** In ms. A login waits for its own hash and for the hashes before it. */
const P99_LIMITS = { read: 100, login: 2_000, mixed: 2_000 }
/** In ms: the wait for each other connection at 250 requests per second. */
const P99_LIMIT_PER_CONNECTION = 4
/** Of all connections together. More requests would not change the load. */
const MOST_REQUESTS = 10_000
/** One login per nineteen reads. */
const LOGIN_EACH = 20
/** Distance, in rows of users.csv, between the caller and the account that it reads. */
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
const ownLimitMs = Math.max(P99_LIMITS[SCENARIO], connections * P99_LIMIT_PER_CONNECTION)
const limitMs = Number(process.env.P99_MS || ownLimitMs)
if (!(connections >= 1 && limitMs > 0 && Number(DURATION) > 0)) {
  console.error('CONNECTIONS, DURATION and P99_MS are numbers above 0.')
  process.exit(2)
}
const users = rows('users.csv')
const logins = users.map(login)
const reads = rows('cookies.csv').map(([cookie = ''], index) => {
  const [id] = users[(index + DISTANCE) % users.length] ?? []
  return { method: /** @type {const} */ ('GET'), path: `/user/${id}`, headers: { cookie } }
})

let next = 0
const result = await autocannon({
  url: BASE_URL,
  connections,
  duration: Number(DURATION),
  ...(RATE && { overallRate: Number(RATE) }),
  setupClient: (client) => client.setRequests(requestsOf(SCENARIO, next++)),
})

const { total, average } = result.requests
const { p50, p99 } = result.latency
console.log(`${SCENARIO}: ${total} requests, ${average} a second; p50 ${p50} ms, p99 ${p99} ms`)
// One failed threshold makes the exit code 1.
assert(total > 0, 'there were responses')
assert(result.errors === 0, `${result.errors} requests without a response`)
assert(result.non2xx === 0, `${result.non2xx} responses other than 2xx`)
assert(p99 <= limitMs, `p99 of at most ${limitMs} ms`)

/**
 * @param {boolean} holds
 * @param {string} what
 */
function assert(holds, what) {
  console.log(`${holds ? 'pass  ' : 'FAIL  '} ${what}`)
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
 * The requests that a connection repeats.
 *
 * @param {'read' | 'login' | 'mixed'} scenario
 * @param {number} own number of the connection
 * @returns {autocannon.Request[]}
 */
function requestsOf(scenario, own) {
  if (scenario === 'login') return share(logins, own)
  const ownReads = share(reads, own)
  if (scenario === 'read') return ownReads
  const ownLogins = share(logins, own)
  // Every connection sends logins and reads. Otherwise, connections that wait for logins would leave
  // the reads to the others. Neighbouring connections send their logins at different positions.
  const length = Math.ceil(ownReads.length / (LOGIN_EACH - 1)) * LOGIN_EACH
  return Array.from({ length }, (_, index) => {
    const isLogin = (index + own) % LOGIN_EACH === 0
    const from = isLogin ? ownLogins : ownReads
    return from[(isLogin ? Math.floor(index / LOGIN_EACH) : index) % from.length] ?? {}
  })
}

/**
 * @param {autocannon.Request[]} all
 * @param {number} own
 * @returns requests of accounts that no other connection uses at the same time
 */
function share(all, own) {
  const part = all.filter((_, index) => index % connections === own)
  return part.length > 0 ? part : all
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
 * @param {string} name of a file from `gatehouse seed`; its values contain no comma
 * @returns {string[][]}
 */
function rows(name) {
  const file = join(DATA, name)
  const [, ...lines] = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
  if (lines.length === 0) {
    console.error(`${file} is missing or empty: run gatehouse seed.`)
    process.exit(2)
  }
  return lines.slice(0, MOST_REQUESTS).map((line) => line.split(','))
}
