import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { sweep } from '../../../db/queries/sweep.ts'
import { endedAccess } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import {
  type Account,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { type App, send } from '../../support/http/build.ts'
import { buildWithRoutes } from '../../support/http/route-table.ts'

const DATABASE_URL = await createDatabase()
/** So many that no server takes a scan for cheaper. */
const ROWS = 5_000
/** More than a page of a list, far fewer than the table has. */
const MOST_ROWS = 250

/** A row for each migration, one row, and a row for each account that is being swept. */
const SMALL_TABLES = new Set(['__drizzle_migrations', 'event_counter', 'ended_access'])

await fill()

interface Call {
  method: NonNullable<InjectOptions['method']>
  url: string
  body?: unknown
  headers?: Record<string, string>
}

test('every statement of every route reads few rows of large tables, by an index', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL })
  const asked = new Set<string>()
  for (const [route, makeCalls] of Object.entries(CALLS)) {
    for (const call of await makeCalls(app)) {
      const { result, statements } = await statementsDuring(() => send(app, ...parts(call)))
      t.assert.strictEqual(result.statusCode, 200, `${route}: ${result.body}`)
      await assertIndexed(t, route, statements)
    }
    asked.add(route)
  }
  const known = routes.map(({ method, url }) => `${method} ${url}`)
  const missing = known.filter((route) => !route.startsWith('HEAD ') && !asked.has(route))
  t.assert.deepStrictEqual(missing, [], 'routes without a call')
})

test('every statement of the background work reads few rows, by an index', async (t: TestContext) => {
  const { app } = await buildWithRoutes(t, { DATABASE_URL })
  const retention = { idleMs: 3_600_000, eventsMs: 86_400_000 }
  const { id: userId } = await makeUser(app)
  const deletedId = userId + 1_000_000
  await app.db.insert(endedAccess).values([{ userId }, { userId: deletedId }])
  const swept = await statementsDuring(() => sweep(app.db, retention))
  t.assert.ok(swept.statements.length >= 13)
  await assertIndexed(t, 'sweep', swept.statements)

  const { headers } = await giveToken(app, await makeUser(app))
  const used = await statementsDuring(async () => {
    await send(app, 'GET', '/me', { headers })
    await app.lastUsed.flush()
  })
  t.assert.ok(used.statements.some((statement) => statement.startsWith('update `tokens`')))
  await assertIndexed(t, 'last use', used.statements)
})

/** What makes the calls of each route: one with each filter, where it has filters. */
const CALLS: Record<string, (app: App) => Promise<Call[]>> = {
  'GET /': async () => [{ method: 'GET', url: '/' }],
  'GET /livez': async () => [{ method: 'GET', url: '/livez' }],
  'GET /readyz': async () => [{ method: 'GET', url: '/readyz' }],
  'GET /openapi.json': async () => [{ method: 'GET', url: '/openapi.json' }],
  'GET /openapi-3.0.json': async () => [{ method: 'GET', url: '/openapi-3.0.json' }],
  'POST /user': async () => [
    { method: 'POST', url: '/user', body: { username: `u-${randomUUID()}`, password: PASSWORD } },
  ],
  'POST /login': async (app) => {
    const { username, password } = await makeUser(app)
    return [{ method: 'POST', url: '/login', body: { username, password } }]
  },
  'GET /logout': async (app) => [await bySession(app, 'GET', () => '/logout')],
  'POST /logout': async (app) => {
    const { headers } = await giveToken(app, await makeUser(app))
    return [
      await bySession(app, 'POST', () => '/logout'),
      { method: 'POST', url: '/logout', headers },
    ]
  },
  'GET /me': async (app) => {
    const { headers } = await giveToken(app, await makeUser(app))
    return [await bySession(app, 'GET', () => '/me'), { method: 'GET', url: '/me', headers }]
  },
  'GET /user/:id': async (app) => [await bySession(app, 'GET', ({ id }) => `/user/${id}`)],
  'GET /sessions': async (app) => [await bySession(app, 'GET', () => '/sessions')],
  'DELETE /sessions': async (app) => [
    await bySession(app, 'DELETE', () => '/sessions?scope=others'),
    await bySession(app, 'DELETE', () => '/sessions?scope=all'),
  ],
  'DELETE /sessions/:id': async (app) => {
    const account = await makeUser(app)
    const cookie = await signIn(app, account)
    const [id] = await storedSessions(app, account.id)
    return [{ method: 'DELETE', url: `/sessions/${id}`, headers: { cookie } }]
  },
  'POST /tokens': async (app) => [
    { ...(await bySession(app, 'POST', () => '/tokens')), body: { name: 'job' } },
  ],
  'GET /tokens': async (app) => [await bySession(app, 'GET', () => '/tokens')],
  'DELETE /tokens/:id': async (app) => {
    const account = await makeUser(app)
    const { id } = await giveToken(app, account)
    return [
      { method: 'DELETE', url: `/tokens/${id}`, headers: { cookie: await signIn(app, account) } },
    ]
  },
  'PUT /user/update-password/:id': async (app) => {
    const account = await makeUser(app)
    const body = { password: PASSWORD, currentPassword: account.password }
    const headers = { cookie: await signIn(app, account) }
    return [{ method: 'PUT', url: `/user/update-password/${account.id}`, body, headers }]
  },
  'GET /users': (app) =>
    Promise.all(
      [
        '',
        '?prefix=u-1',
        '?role=user',
        '?role=admin',
        '?disabled=true',
        '?role=user&disabled=false',
      ].map((filter) => byAdmin(app, 'GET', () => `/users${filter}`)),
    ),
  'PATCH /user/:id': async (app) => {
    const role = await byAdmin(app, 'PATCH', ({ id }) => `/user/${id}`)
    const disabled = await byAdmin(app, 'PATCH', ({ id }) => `/user/${id}`)
    return [
      { ...role, body: { role: 'admin' } },
      { ...disabled, body: { disabled: true } },
    ]
  },
  'DELETE /user/:id': async (app) => [await byAdmin(app, 'DELETE', ({ id }) => `/user/${id}`)],
  'GET /user/:id/sessions': async (app) => [
    await byAdmin(app, 'GET', ({ id }) => `/user/${id}/sessions`),
  ],
  'GET /users/:id/sessions': async (app) => [
    await byAdmin(app, 'GET', ({ id }) => `/users/${id}/sessions`),
  ],
  'DELETE /user/:id/sessions': async (app) => [
    await byAdmin(app, 'DELETE', ({ id }) => `/user/${id}/sessions`),
  ],
  'DELETE /users/:id/sessions': async (app) => [
    await byAdmin(app, 'DELETE', ({ id }) => `/users/${id}/sessions`),
  ],
  'GET /events': (app) =>
    Promise.all(
      ['', '?order=oldest', '?type=login', '?userId=1', '?type=login&userId=1&order=oldest'].map(
        (filter) => byAdmin(app, 'GET', () => `/events${filter}`),
      ),
    ),
}

const PASSWORD = 'a wind from the old harbour'

/** A call by an account of its own, on itself. */
async function bySession(app: App, method: Call['method'], url: (self: Account) => string) {
  const account = await makeUser(app)
  return { method, url: url(account), headers: { cookie: await signIn(app, account) } }
}

/** A call by an admin of its own, on another account. */
async function byAdmin(app: App, method: Call['method'], url: (other: Account) => string) {
  const admin = await makeUser(app, 'admin')
  const other = await makeUser(app)
  await signIn(app, other)
  await giveToken(app, other)
  return { method, url: url(other), headers: { cookie: await signIn(app, admin) } }
}

function parts({ method, url, ...rest }: Call) {
  return [method, url, rest] as const
}

/** Fills the tables: accounts, and of each a session, a token, an event and a failed login. */
async function fill(): Promise<void> {
  const names = Array.from({ length: ROWS }, () => `'${randomUUID()}'`)
  const each = `FROM users WHERE password_hash = 'x'`
  for (const statement of [
    `INSERT INTO users (username, username_key, password_hash) VALUES ${names
      .map((name) => `(${name}, ${name}, 'x')`)
      .join()}`,
    `INSERT INTO sessions (digest, user_id, expires_at)
       SELECT RANDOM_BYTES(32), id, CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY ${each}`,
    `INSERT INTO tokens (digest, user_id, name, expires_at)
       SELECT RANDOM_BYTES(32), id, 'job', CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY ${each}`,
    `INSERT INTO events (id, type, outcome, user_id)
       SELECT 1000000 + id, 'login', 'success', id ${each}`,
    `INSERT INTO login_failures
       SELECT RANDOM_BYTES(32), 1, CURRENT_TIMESTAMP(3), CURRENT_TIMESTAMP(3) ${each}`,
    'ANALYZE TABLE users, sessions, tokens, events, login_failures',
  ]) {
    await query(DATABASE_URL, statement)
  }
}

/**
 * Asserts by `EXPLAIN` that no step of any statement reads more than a page or so of a table. A
 * page that is read in the order of an index ends at its limit, whatever the estimate.
 */
async function assertIndexed(t: TestContext, name: string, statements: string[]): Promise<void> {
  for (const statement of statements.filter((text) => /^(select|update|delete)/i.test(text))) {
    for (const step of await query(DATABASE_URL, `EXPLAIN ${statement}`)) {
      const { table, type, key, rows, Extra } = step
      if (!table || SMALL_TABLES.has(String(table))) continue
      const isPage = / limit \d+$/i.test(statement) && !/filesort|temporary/.test(String(Extra))
      t.assert.ok(
        type !== 'ALL' && key && (isPage || Number(rows) <= MOST_ROWS),
        `${name}: ${table} by ${type} of ${key}, ${rows} rows, ${Extra}: ${statement}`,
      )
    }
  }
}
