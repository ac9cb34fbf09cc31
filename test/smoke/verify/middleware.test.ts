import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import Fastify from 'fastify'
import { createDatabase } from '../../support/database/database.ts'
import { type Account, giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { giveLimitedToken } from '../../support/http/identity.ts'
import { listen } from '../../support/http/raw-http.ts'

interface Options {
  url: string
  token: string
  cookie: string
}

/** Starts a service with the middleware, which returns the caller. @returns its URL */
type Start = (t: TestContext, options: Options) => Promise<string>

const DATABASE_URL = await createDatabase()

const startFastify: Start = async (t, options) => {
  const { signedIn } = await importExample('fastify')
  const service = Fastify()
  t.after(() => service.close())
  service.addHook('onRequest', signedIn(options))
  service.get('/', async (request) => (request as { caller?: object }).caller)
  return service.listen({ host: '127.0.0.1', port: 0 })
}

const startExpress: Start = async (t, options) => {
  const { signedIn } = await importExample('express')
  const name = 'express' // it has no types
  const { default: express } = await import(name)
  const service = express()
  service.use(signedIn(options))
  service.get('/', (request: { caller: object }, response: { json(body: object): void }) =>
    response.json(request.caller),
  )
  const server = createServer(service as RequestListener) // as Express documents it
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // what a TCP server returns
}

function importExample(name: string) {
  return import(pathToFileURL(resolve(`examples/verify/${name}.mjs`)).href)
}

for (const [name, start] of [
  ['Fastify', startFastify],
  ['Express', startExpress],
] as const) {
  test(`the middleware for ${name} passes callers by cookie and token, and refuses all others`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const url = `http://127.0.0.1:${await listen(app)}`
    const service = await start(t, { url, token: await inspector(app), cookie: 'session' })
    const account = await makeUser(app)
    const cookie = await signIn(app, account)
    const token = await giveToken(app, account)
    const ask = (headers: Record<string, string>) => fetch(service, { headers })
    for (const [headers, kind] of [
      [{ cookie }, 'session'],
      [{ cookie: `a=b; ${cookie}; c=d` }, 'session'],
      [{ ...token.headers, cookie: 'session=x' }, 'Bearer'],
    ] as [Record<string, string>, string][]) {
      const response = await ask(headers)
      t.assert.strictEqual(response.status, 200)
      const { iat: _, exp: __, ...caller } = (await response.json()) as Record<string, unknown>
      t.assert.deepStrictEqual(caller, callerOf(account, kind))
    }
    for (const headers of [
      {},
      { cookie: 'session=x' },
      { cookie: `session=${'x'.repeat(300)}` },
      { cookie: cookie.replace('session=', 'xsession=') },
      { authorization: 'Bearer x', cookie },
      { authorization: 'Bearer', cookie },
    ] as Record<string, string>[]) {
      const response = await ask(headers)
      t.assert.strictEqual(response.status, 401, JSON.stringify(headers))
      t.assert.strictEqual(response.headers.get('www-authenticate'), 'Bearer')
    }
    await send(app, 'POST', '/logout', { cookie })
    t.assert.strictEqual((await ask({ cookie })).status, 401)
  })

  test(`the middleware for ${name} passes nobody while Gatehouse is stopped, or refuses its token`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const url = `http://127.0.0.1:${await listen(app)}`
    const account = await makeUser(app)
    const headers = { cookie: await signIn(app, account) }
    const { secret } = await giveToken(app, account)
    const refused = await start(t, { url, token: secret, cookie: 'session' })
    t.assert.strictEqual((await fetch(refused, { headers })).status, 503)
    const service = await start(t, { url, token: await inspector(app), cookie: 'session' })
    t.assert.strictEqual((await fetch(service, { headers })).status, 200)
    await app.close()
    t.assert.strictEqual((await fetch(service, { headers })).status, 503)
  })
}

function callerOf({ id, username }: Account, token_type: string) {
  return { active: true, sub: String(id), username, role: 'user', kind: 'person', token_type }
}

/** @returns a token that may call `/introspect` */
async function inspector(app: Parameters<typeof makeUser>[0]): Promise<string> {
  const { authorization } = await giveLimitedToken(app, await makeUser(app, 'admin'), 'introspect')
  return authorization.replace('Bearer ', '')
}
