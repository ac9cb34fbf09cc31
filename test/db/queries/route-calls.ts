import { randomUUID } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import {
  type Account,
  giveToken,
  makeService,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import type { App } from '../../support/http/build.ts'
import { flaskCookieOf, makeImported } from '../../support/http/imported.ts'

export interface Call {
  method: NonNullable<InjectOptions['method']>
  url: string
  body?: unknown
  /** Instead of `body`. */
  form?: Record<string, string>
  headers?: Record<string, string>
}

/** What makes the calls of each route: one with each filter, where it has filters. */
export const CALLS: Record<string, (app: App) => Promise<Call[]>> = {
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
    const login = { method: 'POST', url: '/login', body: { username, password } } as const
    const cookie = flaskCookieOf(await makeImported(app))
    return [login, { ...login, headers: { cookie } }]
  },
  'GET /logout': async (app) => [await bySession(app, 'GET', () => '/logout')],
  'POST /logout': async (app) => {
    const { headers } = await giveToken(app, await makeUser(app))
    const cookie = flaskCookieOf(await makeImported(app))
    return [
      await bySession(app, 'POST', () => '/logout'),
      { method: 'POST', url: '/logout', headers: { cookie } },
      { method: 'POST', url: '/logout', headers },
    ]
  },
  // Other methods do the same.
  'GET /verify': async (app) => {
    const { headers } = await giveToken(app, await makeUser(app))
    const bySessions = await bySession(app, 'GET', () => '/verify?role=user')
    return [bySessions, { method: 'GET', url: '/verify', headers }]
  },
  'GET /me': async (app) => {
    const { headers } = await giveToken(app, await makeUser(app))
    return [await bySession(app, 'GET', () => '/me'), { method: 'GET', url: '/me', headers }]
  },
  'GET /user/:id': async (app) => {
    const account = await makeImported(app)
    const url = `/user/${account.id}`
    return [
      await bySession(app, 'GET', ({ id }) => `/user/${id}`),
      { method: 'GET', url, headers: { cookie: flaskCookieOf(account) } },
    ]
  },
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
        '?kind=service',
        '?kind=person',
        '?kind=service&role=admin&disabled=true',
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
  'POST /users': async (app) => {
    const body = { kind: 'service', username: `s-${randomUUID()}` }
    return [{ ...(await byAdmin(app, 'POST', () => '/users')), body }]
  },
  'GET /users/:id/tokens': async (app) => [
    await byAdmin(app, 'GET', ({ id }) => `/users/${id}/tokens`),
  ],
  'POST /users/:id/tokens': async (app) => {
    const { id } = await makeService(app)
    const call = await byAdmin(app, 'POST', () => `/users/${id}/tokens`)
    return [{ ...call, body: { name: 'job', scopes: ['orders:read'] } }]
  },
  'DELETE /users/:id/tokens/:tokenId': async (app) => {
    const account = await makeUser(app)
    const token = await giveToken(app, account)
    return [await byAdmin(app, 'DELETE', () => `/users/${account.id}/tokens/${token.id}`)]
  },
  'POST /introspect': async (app) => {
    const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
    const { secret } = await giveToken(app, await makeUser(app))
    return [{ method: 'POST', url: '/introspect', headers, form: { token: secret } }]
  },
  'POST /introspect/batch': async (app) => {
    const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
    const { secret } = await giveToken(app, await makeUser(app))
    const [, cookie = ''] = (await signIn(app, await makeUser(app))).split('=')
    const both = { credentials: [{ token: secret }, { token: cookie }] }
    const sessions = { credentials: [{ token: cookie }] }
    return [both, sessions].map((body) => ({
      method: 'POST',
      url: '/introspect/batch',
      headers,
      body,
    }))
  },
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
