import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { createProgram } from '../../../src/cli/program.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { IS_BUILT, VERSION } from '../../../src/config/version.ts'
import { readyMessages } from '../../../src/server/ready-messages.ts'
import { createDatabase } from '../../support/database/database.ts'
import { build, send } from '../../support/http/build.ts'

/** They name the package or the image of a release. */
const NAMING = [
  'deploy/kubernetes/migration.yaml',
  'deploy/kubernetes/server.yaml',
  'docs/production.md',
]

test('the version is the same in the package, the lock file, the documents, the files that name a release, GET /, the log and gatehouse --version', async (t: TestContext) => {
  t.assert.match(VERSION, /^\d+\.\d+\.\d+$/)
  t.assert.strictEqual(JSON.parse(readFileSync('package.json', 'utf8')).version, VERSION)
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  t.assert.deepStrictEqual([lock.version, lock.packages[''].version], [VERSION, VERSION])
  for (const file of ['openapi.json', 'openapi-3.0.json']) {
    t.assert.strictEqual(JSON.parse(readFileSync(file, 'utf8')).info.version, VERSION, file)
  }
  for (const file of NAMING) {
    const named = readFileSync(file, 'utf8').matchAll(/\bgatehouse[:-](\d+\.\d+\.\d+)/g)
    t.assert.deepStrictEqual([...new Set([...named].map(([, found]) => found))], [VERSION], file)
  }
  t.assert.strictEqual(createProgram().version(), VERSION)

  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  t.assert.strictEqual((await send(app, 'GET', '/')).json().version, VERSION)
  t.assert.strictEqual((await send(app, 'GET', '/openapi.json')).json().info.version, VERSION)
  const [line] = readyMessages({
    config: loadConfig({ NODE_ENV: 'test' }),
    workers: 1,
    url: undefined,
    hasCurrentSchema: true,
    dataFolder: undefined,
  })
  t.assert.strictEqual(line, `Gatehouse ${VERSION} is ready`)
})

test('the code that the tests run does not count as built', (t: TestContext) => {
  t.assert.strictEqual(IS_BUILT, false)
})
