// Does what Docker does with the Dockerfile and with compose.yaml, in empty folders. The base image, and the
// container itself, are not tested.
import { chmod, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { createEmptyDatabase } from '../support/database/database.ts'
import { createDatabaseLink } from '../support/database/database-link.ts'
import { buildImage } from '../support/image/build-image.ts'
import { readCompose, serviceOf } from '../support/image/compose.ts'
import { canBeReadOnly, createContainer } from '../support/image/container.ts'
import { makeFolder } from '../support/process/folder.ts'
import { freePort } from '../support/process/free-port.ts'
import { exitCode } from '../support/process/installation.ts'

const COMPOSE = readCompose()
const PASSWORD = 'tea at the old mill'

// By TCP, as a container does it: the private server's socket belongs to the user of the test.
const database = await createDatabaseLink(await createEmptyDatabase())
after(() => database.cut())
const stages = await makeFolder({ after })
await chmod(stages, 0o755)
const { root, image } = await buildImage(stages)
const folder = join(root, image.folder ?? '')

test('the image has the build and the production packages, and nothing else', async (t: TestContext) => {
  t.assert.deepStrictEqual((await readdir(folder)).sort(), [
    'dist',
    'node_modules',
    'package-lock.json',
    'package.json',
  ])
  const files = await readdir(join(folder, 'dist'), { recursive: true })
  t.assert.deepStrictEqual((await readdir(join(folder, 'dist'))).sort(), [
    'db',
    'package.json',
    'plugins',
    'routes',
    'scripts',
    'src',
  ])
  t.assert.deepStrictEqual(
    files.filter((name) => /\.(ts|map)$|\.test\.|_snapshot/.test(name)),
    [],
  )
  const packages = await readdir(join(folder, 'node_modules'))
  t.assert.ok(packages.includes('fastify'))
  for (const name of ['typescript', 'tsx', 'c8', 'drizzle-kit', '@biomejs']) {
    t.assert.ok(!packages.includes(name), name)
  }
})

test('the image migrates, serves, reports its health and stops, without privileges and on a read-only file system', async (t: TestContext) => {
  const [migrate, server] = [serviceOf(COMPOSE, 'migrate'), serviceOf(COMPOSE, 'gatehouse')]
  t.assert.strictEqual(image.user, server.user)
  t.assert.strictEqual(server.read_only, true)
  t.assert.deepStrictEqual(server.cap_drop, ['ALL'])
  const readOnly = canBeReadOnly()
  if (!readOnly) t.diagnostic('the file system was not read-only: that needs root')

  const environment = {
    ...image.environment,
    PORT: String(await freePort()),
    DATABASE_URL: database.url,
    SESSION_SECRET: 'the secret of the image test of 32 characters or more',
    DOCS_ENABLED: 'true',
    BCRYPT_COST: '10',
  }
  const url = `http://127.0.0.1:${environment.PORT}`
  const container = createContainer(folder, environment, { user: image.user ?? '', readOnly })
  const health = async () => (await container.run(image.healthcheck ?? [])).code
  t.assert.strictEqual(await health(), 1, 'no server is running')

  const { child, said, until } = container.start(image.command ?? [])
  t.after(() => child.kill('SIGKILL'))
  await until(/listening at http/)
  t.assert.strictEqual(await health(), 1, 'the schema is behind')
  const behind = await fetch(`${url}/readyz`)
  t.assert.strictEqual(behind.status, 503)
  t.assert.match(await behind.text(), /"SCHEMA_OUTDATED"/)

  const migrated = await container.run(migrate.command ?? [])
  t.assert.strictEqual(migrated.code, 0, migrated.stderr)
  t.assert.match(migrated.stdout, /^Migrations applied: [1-9]/)
  t.assert.strictEqual(await health(), 0)

  const post = (path: string, body: object) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const common = await post('/user', { username: 'alice', password: 'password123' })
  t.assert.strictEqual(common.status, 400, 'the list of common passwords is there')
  t.assert.strictEqual((await post('/user', { username: 'alice', password: PASSWORD })).status, 200)
  const login = await post('/login', { username: 'alice', password: PASSWORD })
  t.assert.strictEqual(login.status, 200)
  t.assert.match(login.headers.getSetCookie()[0] ?? '', /^__Host-session=/)
  const page = await (await fetch(`${url}/docs/`)).text()
  for (const [, path = ''] of page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) {
    t.assert.strictEqual((await fetch(`${url}/docs/${path}`)).status, 200, path)
  }

  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0, said())
  t.assert.strictEqual(await health(), 1, 'the server has stopped')
})
