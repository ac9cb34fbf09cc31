import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { createDatabaseLink } from '../support/database/database-link.ts'
import { build, send } from '../support/http/build.ts'

const DATABASE_URL = await createDatabase()
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

test('GET / returns the name, the version and the links without a database', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  const { app } = await build(t, { DATABASE_URL: link.url, DOCS_ENABLED: true })
  await link.cut()
  for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }]) {
    const answer = await send(app, 'GET', '/', { headers })
    t.assert.strictEqual(answer.statusCode, 200)
    const { links, ...service } = answer.json()
    t.assert.deepStrictEqual(service, { name: 'Gatehouse', version })
    t.assert.deepStrictEqual(links, {
      liveness: '/livez',
      readiness: '/readyz',
      openapi: '/openapi.json',
      docs: '/docs',
    })
    for (const path of [links.liveness, links.openapi, links.docs]) {
      t.assert.ok((await send(app, 'GET', path)).statusCode < 400, path)
    }
  }
})

test('GET / does not link to the document and the page if they are switched off', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, OPENAPI_ENABLED: false, DOCS_ENABLED: false })
  const answer = await send(app, 'GET', '/', { headers: { accept: BROWSER } })
  t.assert.strictEqual(answer.statusCode, 200)
  t.assert.deepStrictEqual(answer.json().links, { liveness: '/livez', readiness: '/readyz' })
})

test('GET / redirects a browser to the page if it is switched on', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, DOCS_ENABLED: true })
  for (const method of ['GET', 'HEAD'] as const) {
    const answer = await send(app, method, '/', { headers: { accept: BROWSER } })
    t.assert.strictEqual(answer.statusCode, 302)
    t.assert.strictEqual(answer.headers.location, '/docs')
    t.assert.strictEqual(answer.body, '')
  }
})
