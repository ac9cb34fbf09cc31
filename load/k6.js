// MODEL=closed: each virtual user sends its next request after the response to the last one.
// MODEL=open: requests are sent at a rate, whether or not earlier ones have a response.
// README.md lists the settings, which come from the environment. k6 exits with 99 if a threshold fails.
import { check } from 'k6'
import { SharedArray } from 'k6/data'
import exec from 'k6/execution'
import http from 'k6/http'

/** `rate` in requests per second, for the open model. A login waits for its hash. */
const DEFAULTS = {
  read: { rate: 100, p99Ms: 100 },
  login: { rate: 5, p99Ms: 2000 },
  mixed: { rate: 50, p99Ms: 2000 },
}
/** In ms: the wait for each other virtual user at 250 requests per second. */
const P99_LIMIT_PER_VU = 4
/** One login per nineteen reads. */
const LOGIN_EACH = 20
/** Distance, in rows of users.csv, between the caller and the account that it reads. */
const DISTANCE = 7
const MAX_VUS = 1000

const {
  SCENARIO = 'read',
  MODEL = 'closed',
  BASE_URL = 'http://127.0.0.1:3000',
  CONNECTIONS = '16',
  DURATION = '10',
  DATA = './data',
} = __ENV
if (!DEFAULTS[SCENARIO]) throw new Error('SCENARIO is read, login or mixed.')
if (MODEL !== 'closed' && MODEL !== 'open') throw new Error('MODEL is closed or open.')

const vus = Number(CONNECTIONS)
const rate = Number(__ENV.RATE || DEFAULTS[SCENARIO].rate)
const queueMs = MODEL === 'closed' ? vus * P99_LIMIT_PER_VU : 0
const p99Ms = Number(__ENV.P99_MS || Math.max(DEFAULTS[SCENARIO].p99Ms, queueMs))
const duration = `${DURATION}s`

const MODELS = {
  closed: { executor: 'constant-vus', vus, duration },
  // A virtual user is a slot for one request in progress. If all slots are in use, k6 drops requests,
  // which fails a threshold. The initial number is enough for the requests of one second.
  open: {
    executor: 'constant-arrival-rate',
    rate,
    timeUnit: '1s',
    duration,
    preAllocatedVUs: Math.min(rate, MAX_VUS),
    maxVUs: MAX_VUS,
  },
}

export const options = {
  scenarios: { [SCENARIO]: MODELS[MODEL] },
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    http_req_duration: [`p(99)<=${p99Ms}`],
    ...(MODEL === 'open' && { dropped_iterations: ['count==0'] }),
  },
  summaryTrendStats: ['avg', 'med', 'p(99)', 'max'],
  discardResponseBodies: true,
}

/** The rows of a file from `gatehouse seed`, without the header. Its values contain no comma. */
function rows(name) {
  return new SharedArray(name, () => {
    const [, ...lines] = open(`${DATA}/${name}`).trim().split('\n')
    return lines.map((line) => line.split(','))
  })
}

const users = rows('users.csv')
const sessions = rows('cookies.csv')

export default function () {
  const number = exec.scenario.iterationInTest
  const isLogin = SCENARIO === 'login' || (SCENARIO === 'mixed' && number % LOGIN_EACH === 0)
  const response = isLogin ? logIn(number) : read(number)
  check(response, { 'status is 200': ({ status }) => status === 200 })
}

function read(number) {
  const [cookie] = sessions[number % sessions.length]
  const [id] = users[(number + DISTANCE) % users.length]
  // One name for all ids. Otherwise, k6 makes a metric of each path.
  const tags = { name: 'GET /user/{id}' }
  return http.get(`${BASE_URL}/user/${id}`, { headers: { Cookie: cookie }, tags })
}

function logIn(number) {
  const [, username, password] = users[number % users.length]
  const headers = { 'Content-Type': 'application/json' }
  const tags = { name: 'POST /login' }
  return http.post(`${BASE_URL}/login`, JSON.stringify({ username, password }), { headers, tags })
}
