import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { OpenAPIV3_1 } from 'openapi-types'
import { createDatabase } from '../support/database/database.ts'
import { giveToken, makeService, makeUser } from '../support/http/accounts.ts'
import type { App } from '../support/http/build.ts'
import { type Client, clientOf, type Operations, serve, signedIn } from './sdk.ts'

const DATABASE_URL = await createDatabase()
const PASSWORD = 'a kettle on the quiet stove'
const document: OpenAPIV3_1.Document = JSON.parse(readFileSync('openapi.json', 'utf8'))

const called: Operations = new Set()

test('a client generated from the document of the last release can call every operation, by cookie and by token', async (t: TestContext) => {
  const { app, url } = await serve(t, { DATABASE_URL })
  const anybody = clientOf(url, called)
  t.assert.strictEqual((await anybody.GET('/')).data?.name, 'Gatehouse')
  for (const path of ['/livez', '/readyz'] as const) {
    t.assert.ok((await anybody.GET(path)).data?.status)
  }
  for (const kind of ['cookie', 'token'] as const) {
    await useAccount(t, url, kind)
    await administer(t, app, url, kind)
  }
  await introspect(t, app, url)
  t.diagnostic([...called].join(', '))
  t.assert.deepStrictEqual([...called].sort(), everyOperation().sort())
})

test('a client of the last release reads all pages, and the codes of a 400, a 401, a 404 and a deletion', async (t: TestContext) => {
  const { app, url } = await serve(t, { DATABASE_URL })
  const anybody = clientOf(url, called)
  const prefix = `p-${randomUUID().slice(0, 8)}`
  const credentials = [1, 2, 3].map((n) => ({ username: `${prefix}-${n}`, password: PASSWORD }))
  for (const body of credentials) {
    t.assert.ok((await anybody.POST('/user', { body })).data)
    t.assert.strictEqual((await anybody.POST('/user', { body })).error?.code, 'USERNAME_TAKEN')
  }
  const short = await anybody.POST('/user', {
    body: { username: `${prefix}-4`, password: 'short' },
  })
  t.assert.strictEqual(short.response.status, 400)
  t.assert.strictEqual(short.error?.errors?.[0]?.path, 'body.password')
  const refused = await anybody.GET('/me')
  t.assert.deepStrictEqual([refused.response.status, refused.error?.code], [401, 'UNAUTHENTICATED'])

  const admin = await signedIn(called, url, await makeUser(app, 'admin'), 'token')
  const pages = await allPages(admin, prefix)
  t.assert.deepStrictEqual(
    pages.map((page) => page.map(({ username }) => username)),
    [[`${prefix}-1`, `${prefix}-2`], [`${prefix}-3`]],
  )
  const params = { path: { id: pages[1]?.[0]?.id ?? 0 } }
  t.assert.ok((await admin.DELETE('/user/{id}', { params })).data)
  for (const gone of [
    await admin.GET('/user/{id}', { params }),
    await admin.DELETE('/user/{id}', { params }),
  ]) {
    t.assert.deepStrictEqual([gone.response.status, gone.error?.code], [404, 'USER_NOT_FOUND'])
  }
  const unknown = { params: { query: { cursor: '0' } } }
  t.assert.strictEqual((await admin.GET('/users', unknown)).error?.code, 'VALIDATION_FAILED')
})

async function allPages(client: Client, prefix: string) {
  const pages = []
  let cursor: string | null | undefined
  do {
    const query = { prefix, limit: 2, ...(cursor && { cursor }) }
    const { data } = await client.GET('/users', { params: { query } })
    pages.push(data?.items ?? [])
    cursor = data?.nextCursor
  } while (cursor)
  return pages
}

/** With the credentials that the document permits for each. */
function everyOperation(): string[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item ?? {}).flatMap(([method, operation]) => {
      const { security = [] } = operation as OpenAPIV3_1.OperationObject
      const by = security.map((schemes) => ('sessionCookie' in schemes ? 'cookie' : 'token'))
      const name = `${method.toUpperCase()} ${path}`
      return (by.length > 0 ? by : ['nobody']).map((credential) => `${name} by ${credential}`)
    }),
  )
}

/** The operations of a user, from registration to both ways of logging out. */
async function useAccount(t: TestContext, url: string, kind: 'cookie' | 'token') {
  const body = { username: `u-${randomUUID()}`, password: PASSWORD }
  const anybody = clientOf(url, called)
  const made = await anybody.POST('/user', { body })
  const id = made.data?.user.id ?? 0
  const account = { id, ...body }
  t.assert.strictEqual(made.data?.user.role, 'user')
  const client = await signedIn(called, url, account, kind)

  const me = await client.GET('/me')
  t.assert.deepStrictEqual(me.data, made.data.user)
  const verified = await client.GET('/verify', { params: { query: { role: 'user' } } })
  t.assert.strictEqual(verified.response.headers.get('x-gatehouse-user-id'), String(id))
  const etag = me.response.headers.get('etag') ?? ''
  const again = await client.GET('/user/{id}', {
    params: { path: { id }, header: { 'If-None-Match': etag } },
  })
  t.assert.strictEqual(again.response.status, 304)
  t.assert.deepStrictEqual(
    (await client.GET('/user/{id}', { params: { path: { id } } })).data,
    me.data,
  )

  await signedIn(called, url, account, 'cookie')
  const sessions = await client.GET('/sessions', { params: { query: { limit: 100 } } })
  const other = sessions.data?.items.find(({ current }) => !current)?.id ?? 0
  const ended = await client.DELETE('/sessions/{id}', { params: { path: { id: other } } })
  t.assert.strictEqual(ended.data?.message, 'Session ended.')
  const all = await client.DELETE('/sessions', { params: { query: { scope: 'others' } } })
  t.assert.strictEqual(all.response.status, 200)

  if (kind === 'cookie') await useTokens(t, client, id, etag)
  t.assert.ok((await client.POST('/logout')).data)
  t.assert.ok((await (await signedIn(called, url, account, kind)).GET('/logout')).data)
}

/** The operations that require a session. */
async function useTokens(t: TestContext, client: Client, id: number, etag: string) {
  const token = await client.POST('/tokens', { body: { name: 'nightly job' } })
  t.assert.match(token.data?.token ?? '', /^gh_/)
  const tokens = await client.GET('/tokens')
  t.assert.strictEqual(tokens.data?.items[0]?.id, token.data?.id)
  const path = { id: token.data?.id ?? 0 }
  t.assert.ok((await client.DELETE('/tokens/{id}', { params: { path } })).data)
  const changed = await client.PUT('/user/update-password/{id}', {
    params: { path: { id }, header: { 'If-Match': etag } },
    body: { password: PASSWORD, currentPassword: PASSWORD },
  })
  t.assert.strictEqual(changed.data?.message, 'Password changed.')
}

async function administer(t: TestContext, app: App, url: string, kind: 'cookie' | 'token') {
  const client = await signedIn(called, url, await makeUser(app, 'admin'), kind)
  const { id, username } = await makeUser(app)
  const path = { id }
  const list = await client.GET('/users', { params: { query: { prefix: username } } })
  t.assert.deepStrictEqual(
    list.data?.items.map((user) => user.id),
    [id],
  )
  const changed = await client.PATCH('/user/{id}', { params: { path }, body: { role: 'admin' } })
  t.assert.strictEqual(changed.data?.role, 'admin')
  t.assert.ok((await client.GET('/users/{id}/sessions', { params: { path } })).data)
  t.assert.ok((await client.DELETE('/users/{id}/sessions', { params: { path } })).data)
  const { id: tokenId } = await giveToken(app, { id })
  const tokens = await client.GET('/users/{id}/tokens', { params: { path } })
  t.assert.strictEqual(tokens.data?.items.at(0)?.id, tokenId)
  const oneToken = { id, tokenId }
  t.assert.ok(
    (await client.DELETE('/users/{id}/tokens/{tokenId}', { params: { path: oneToken } })).data,
  )
  const service = { kind: 'service', username: `s-${randomUUID()}` } as const
  const made = await client.POST('/users', { body: service })
  t.assert.strictEqual(made.data?.kind, 'service')
  if (kind === 'cookie') {
    const params = { path: { id: made.data?.id ?? 0 } }
    const body = { name: 'orders', scopes: ['orders:read'] }
    const token = await client.POST('/users/{id}/tokens', { params, body })
    t.assert.match(token.data?.token ?? '', /^gh_/)
  }
  t.assert.ok((await client.DELETE('/user/{id}', { params: { path } })).data)
  const events = await client.GET('/events', { params: { query: { userId: id } } })
  t.assert.strictEqual(events.data?.items[0]?.type, 'user_deleted')
}

/** The operations for other services. */
async function introspect(t: TestContext, app: App, url: string) {
  const { secret, headers } = await giveToken(app, await makeService(app), {
    scopes: ['introspect'],
  })
  const client = clientOf(url, called, headers)
  const found = await client.POST('/introspect', {
    body: { token: secret },
    bodySerializer: (form) => new URLSearchParams(form),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  t.assert.strictEqual(found.data?.active, true)
  const credentials = [{ token: secret }, { token: 'unknown' }]
  const batch = await client.POST('/introspect/batch', { body: { credentials } })
  t.assert.deepStrictEqual(batch.data?.results, [found.data, { active: false }])
}
