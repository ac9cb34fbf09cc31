import { type TestContext, test } from 'node:test'
import { hostsOf, withHosts } from '../../../db/connections/hosts.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { isTidb } from '../../support/database/engine.ts'
import { build, send } from '../../support/http/build.ts'
import { install } from '../../support/process/installation.ts'

const DATABASE_URL = await createDatabase()
const SHORT_TIMEOUT_MS = 500

test('the server does not start with DATABASE_READ_HOSTS on an engine whose servers do not wait, and says why', {
  skip: isTidb && 'each server of the engine can be read',
}, async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const site = await install(t)
  const environment = {
    DATABASE_URL: link.url,
    DATABASE_READ_HOSTS: hostsOf(link.url).join(),
    PORT: '0',
  }
  const { code, stdout, stderr } = await site.run('src/server.ts', [], environment)
  t.assert.strictEqual(code, 1, stdout)
  t.assert.match(stderr, /DATABASE_READ_HOSTS requires Galera, .*: the server may lack/)
})

test('the server starts although a host is silent for longer than the time limit of an operation', async (t: TestContext) => {
  const [silent, serving] = [
    await createDatabaseLink(DATABASE_URL),
    await createDatabaseLink(DATABASE_URL),
  ]
  silent.stall()
  const hosts = [silent, serving].flatMap(({ url }) => hostsOf(url))
  t.after(() => Promise.all([silent.cut(), serving.cut()]))
  const { app } = await build(t, {
    DATABASE_URL: withHosts(silent.url, hosts),
    DATABASE_TIMEOUT_MS: SHORT_TIMEOUT_MS,
  })
  t.assert.strictEqual((await send(app, 'GET', '/readyz')).statusCode, 200)
})
