// Makes tokens and ends them, each change with an `Idempotency-Key`. Repeats a change with the same key until it
// has an answer. Closed model: each connection sends its next change after the answer to the last one.
// README.md lists the settings, which come from the environment. Exits with 1 if a threshold fails.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** In ms, as for logins: a change that is repeated waits for `retry-after`. */
const P99_LIMIT_MS = 2_000
/** In ms: the wait for each other connection at 250 changes per second. */
const P99_LIMIT_PER_CONNECTION = 4
const MAX_TRIES = 10
/** In ms, after a request without a response, or a response without `retry-after`. */
const PAUSE_MS = 100
/** The first attempt is still in progress, or the server could not process the request. */
const REPEATED = [409, 429, 502, 503, 504]

const {
  BASE_URL = 'http://127.0.0.1:3000',
  CONNECTIONS = '16',
  DURATION = '10',
  DATA = fileURLToPath(new URL('data', import.meta.url)),
} = process.env
const connections = Number(CONNECTIONS)
const ownLimitMs = Math.max(P99_LIMIT_MS, connections * P99_LIMIT_PER_CONNECTION)
const limitMs = Number(process.env.P99_MS || ownLimitMs)
if (!(connections >= 1 && limitMs > 0 && Number(DURATION) > 0)) {
  console.error('CONNECTIONS, DURATION and P99_MS are numbers above 0.')
  process.exit(2)
}
const file = join(DATA, 'cookies.csv')
const [, ...lines] = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
const cookies = lines.map((line) => line.split(',', 1)[0] ?? '')
if (cookies.length === 0) {
  console.error(`${file} is missing or empty: run gatehouse seed.`)
  process.exit(2)
}

/** In ms, of each change, with its repetitions. @type {number[]} */
const latencies = []
const counts = { made: 0, ended: 0, repeated: 0, replayed: 0, refused: 0, unanswered: 0 }
const deadline = Date.now() + Number(DURATION) * 1_000
const start = performance.now()
await Promise.all(Array.from({ length: connections }, (_, own) => changeUntilDeadline(own)))
const seconds = (performance.now() - start) / 1_000

latencies.sort((a, b) => a - b)
const [p50, p99] = [0.5, 0.99].map((share) =>
  Math.ceil(latencies[Math.floor(latencies.length * share)] ?? 0),
)
const { made, ended, repeated, replayed, refused, unanswered } = counts
const rate = Math.round(latencies.length / seconds)
console.log(`changes: ${made} made, ${ended} ended, ${rate} a second; p50 ${p50} ms, p99 ${p99} ms`)
console.log(`repeated: ${repeated} requests, ${replayed} of them replayed by the server`)
// One failed threshold makes the exit code 1.
assert(made > 0, 'there were responses')
assert(unanswered === 0, `${unanswered} changes without an answer`)
assert(refused === 0, `${refused} changes refused`)
assert(p99 !== undefined && p99 <= limitMs, `p99 of at most ${limitMs} ms`)

/**
 * Uses an account that no other connection uses at the same time, and ends each token that it makes.
 *
 * @param {number} own number of the connection
 */
async function changeUntilDeadline(own) {
  for (let index = own; Date.now() < deadline; index += connections) {
    const cookie = cookies[index % cookies.length] ?? ''
    const token = await change('POST', '/tokens', cookie, JSON.stringify({ name: 'load/changes' }))
    if (token === undefined) continue
    counts.made++
    if ((await change('DELETE', `/tokens/${token.id}`, cookie)) !== undefined) counts.ended++
  }
}

/**
 * Sends one change until it has an answer.
 *
 * @param {'POST' | 'DELETE'} method
 * @param {string} path
 * @param {string} cookie
 * @param {string} [body] in JSON
 * @returns {Promise<{ id?: number } | undefined>} the body of the answer; undefined if it is none of success
 */
async function change(method, path, cookie, body) {
  // The same for each try: this makes the repetition safe.
  const key = { cookie, 'idempotency-key': randomUUID() }
  const request =
    body === undefined
      ? { method, headers: key }
      : { method, headers: { ...key, 'content-type': 'application/json' }, body }
  const sent = performance.now()
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    if (tries > 1) counts.repeated++
    try {
      const answer = await fetch(BASE_URL + path, request)
      /** @type {{ id?: number, code?: string, statusCode?: number }} */
      const content = JSON.parse(await answer.text())
      if (!REPEATED.includes(answer.status) || isFinal(content)) {
        latencies.push(performance.now() - sent)
        if (answer.headers.get('idempotency-replayed')) counts.replayed++
        if (answer.ok) return content
        counts.refused++
        return undefined
      }
      await sleep(Number(answer.headers.get('retry-after')) * 1_000 || PAUSE_MS)
    } catch {
      await sleep(PAUSE_MS) // no response, or not all of it
    }
  }
  counts.unanswered++
  return undefined
}

/**
 * @param {{ code?: string, statusCode?: number }} content
 * @returns whether a `409` will stay the same
 */
function isFinal({ code, statusCode }) {
  return statusCode === 409 && code !== 'IDEMPOTENCY_IN_PROGRESS'
}

/**
 * @param {boolean} holds
 * @param {string} what
 */
function assert(holds, what) {
  console.log(`${holds ? 'pass  ' : 'FAIL  '} ${what}`)
  if (!holds) process.exitCode = 1
}
