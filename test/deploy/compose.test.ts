import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { after, type TestContext, test } from 'node:test'
import { Ajv } from 'ajv'
import { createConnection } from 'mysql2/promise'
import { closeDatabase, openDatabase } from '../../db/client.ts'
import { migrate } from '../../db/migrate.ts'
import { createEmptyDatabase } from '../support/database/database.ts'
import { query } from '../support/database/query.ts'
import { readCompose, type Service, serviceOf } from '../support/image/compose.ts'

const USERS = 'deploy/mysql/users.sh'
const GRANTS = 'docs/operations.md'
/** The linter's copy of the schema of the compose specification. */
const SCHEMA = 'node_modules/dclint/schemas/compose.schema.json'

const compose = readCompose()
const services = Object.entries(compose.services)
const networksOf = ({ networks }: Service) =>
  Array.isArray(networks) ? networks : Object.keys(networks)

test('compose.yaml and compose.dev.yaml, with all profiles, are valid for the schema of compose', (t: TestContext) => {
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(
    // Ajv knows the draft by its older address only.
    { ...JSON.parse(readFileSync(SCHEMA, 'utf8')), $schema: undefined },
  )
  for (const file of [compose, readCompose('compose.dev.yaml')]) {
    t.assert.ok(validate(file), JSON.stringify(validate.errors))
  }
  const misspelled = structuredClone(compose)
  Object.assign(serviceOf(misspelled, 'db'), { memory_limit: '1g' })
  t.assert.strictEqual(validate(misspelled), false)
})

test('every service has limits for memory and log, and only nginx and the single server publish a port', (t: TestContext) => {
  for (const [name, service] of services) {
    t.assert.match(service.mem_limit ?? '', /^\d+[mg]$/, name)
    t.assert.ok(service.logging?.options?.['max-size'], name)
    t.assert.ok(service.logging?.options?.['max-file'], name)
    t.assert.strictEqual(Boolean(service.ports), ['gatehouse', 'nginx'].includes(name), name)
  }
  t.assert.match(
    JSON.stringify(serviceOf(readCompose('compose.dev.yaml'), 'db').ports),
    /"127.0.0.1:/,
  )
})

test('nginx reaches the two instances and not the database, and they trust nginx alone', (t: TestContext) => {
  const nginx = serviceOf(compose, 'nginx')
  const shared = services.filter(([, service]) =>
    networksOf(service).some((network) => networksOf(nginx).includes(network)),
  )
  t.assert.deepStrictEqual(shared.map(([name]) => name).sort(), [
    'gatehouse-1',
    'gatehouse-2',
    'nginx',
  ])
  const addressOf = ({ networks }: Service) =>
    Array.isArray(networks) ? undefined : networks.proxy?.ipv4_address
  const upstream = readFileSync('deploy/nginx/upstream.compose.conf', 'utf8')
  const servers = [...upstream.matchAll(/^server (.+):3000;$/gm)].map(([, address]) => address)
  const instances = ['gatehouse-1', 'gatehouse-2'].map((name) => serviceOf(compose, name))
  t.assert.deepStrictEqual(servers, instances.map(addressOf))
  for (const { environment, profiles } of instances) {
    t.assert.strictEqual(environment?.TRUST_PROXY, addressOf(nginx))
    t.assert.deepStrictEqual(profiles, nginx.profiles)
  }
})

test('the volumes of compose that are files of this repository exist', (t: TestContext) => {
  const paths = services.flatMap(([, { volumes = [] }]) =>
    volumes.flatMap((volume) => /^\.\/([^:]+\.\w+):/.exec(volume)?.[1] ?? []),
  )
  t.assert.ok(paths.includes(USERS))
  for (const path of paths) t.assert.ok(statSync(path).isFile(), path)
})

test('users.sh creates two users with the privileges of docs/operations.md, who migrate and serve', async (t: TestContext) => {
  // MySQL's image sources only what is not executable.
  t.assert.strictEqual(statSync(USERS).mode & 0o111, 0)
  const statements = statementsOfUsers({ server: 'one', migrate: 'two' })
  const granted = (text: string) =>
    [...text.matchAll(/^GRANT .+ ON gatehouse\.\* TO '\w+'/gm)].map(([line]) => line)
  t.assert.deepStrictEqual(granted(statements), granted(readFileSync(GRANTS, 'utf8')))

  const owner = await createEmptyDatabase()
  const suffix = randomBytes(4).toString('hex')
  const names = { server: `gatehouse_${suffix}`, migrate: `gatehouse_migrate_${suffix}` }
  after(() => query(serverOf(owner), `DROP USER '${names.server}', '${names.migrate}'`))
  const passwords = {
    server: randomBytes(8).toString('hex'),
    migrate: randomBytes(8).toString('hex'),
  }
  const connection = await createConnection({ uri: owner, multipleStatements: true })
  await connection.query(
    statementsOfUsers(passwords)
      .replaceAll(/'(gatehouse(?:_migrate)?)'/g, `'$1_${suffix}'`)
      .replaceAll('gatehouse.*', `${new URL(owner).pathname.slice(1)}.*`),
  )
  await connection.end()

  const as = (user: 'server' | 'migrate') => {
    const url = new URL(owner)
    url.username = names[user]
    url.password = passwords[user]
    return url.href
  }
  const db = openDatabase(as('migrate'), { connections: 2 })
  t.assert.ok((await migrate(db)) > 0)
  await closeDatabase(db)
  t.assert.deepStrictEqual(await query(as('server'), 'SELECT id FROM users'), [])
  const server = await createConnection(as('server'))
  await t.assert.rejects(server.query('DROP TABLE users'), { errno: 1142 })
  await server.end()
})

/** Sources users.sh as the image does. @returns what it sends to MySQL */
function statementsOfUsers({ server, migrate }: Record<'server' | 'migrate', string>): string {
  const script = `set -eo pipefail; docker_process_sql() { cat; }; . ${USERS}`
  const { stdout, status, stderr } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, GATEHOUSE_PASSWORD: server, GATEHOUSE_MIGRATE_PASSWORD: migrate },
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

function serverOf(url: string): string {
  const server = new URL(url)
  server.pathname = '/'
  return server.href
}
