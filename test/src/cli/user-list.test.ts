import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { makeDatabaseUser } from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'
import { query } from '../../support/database/query.ts'
import { CLI, commandsOn } from '../../support/process/command.ts'
import { nodeArguments } from '../../support/process/installation.ts'

/** More than two queries read. */
const MANY = 1_203

interface Listed {
  username: string
}

async function fill(url: string) {
  const rows = Array.from({ length: MANY }, (_, index) => {
    const name = `n-${String(index).padStart(4, '0')}`
    const [role, disabled] = [index % 100 === 0 ? 'admin' : 'user', index % 200 === 0 ? 1 : 0]
    return `('${name}', '${name}', 'h', '${role}', ${disabled})`
  })
  const columns = 'username, username_key, password_hash, role, disabled'
  await query(url, `INSERT INTO users (${columns}) VALUES ${rows.join(',')}`)
}

test('user list shows all users in the order of their names, and filters and limits them', async (t: TestContext) => {
  const url = await createDatabase()
  await fill(url)
  const { succeed } = await commandsOn(t, url)
  const names = async (...options: string[]) => {
    const items: Listed[] = JSON.parse(await succeed(['user', 'list', '--json', ...options]))
    return items.map(({ username }) => username)
  }
  const all = await names()
  t.assert.strictEqual(all.length, MANY)
  t.assert.deepStrictEqual(all, [...all].sort())
  t.assert.deepStrictEqual(await names('--limit', '2'), ['n-0000', 'n-0001'])
  t.assert.strictEqual((await names('--limit', '501')).length, 501)
  t.assert.deepStrictEqual(await names('--prefix', 'N-120'), ['n-1200', 'n-1201', 'n-1202'])
  const admins = await names('--role', 'admin')
  t.assert.strictEqual(admins.length, 13)
  const disabled = await names('--role', 'admin', '--disabled')
  const enabled = await names('--role', 'admin', '--no-disabled')
  t.assert.deepStrictEqual([disabled.length, enabled.length], [7, 6])
  t.assert.deepStrictEqual([...disabled, ...enabled].sort(), admins)
  t.assert.deepStrictEqual(await names('--prefix', 'nobody'), [])

  const table = (await succeed(['user', 'list', '--limit', '1'])).split('\n')
  t.assert.match(table[0] ?? '', /^ID {2}USERNAME {2}KIND {4}ROLE {3}STATE {5}CREATED$/)
  t.assert.match(table[1] ?? '', /^1 {3}n-0000 {4}person {2}admin {2}disabled {2}\d{4}-\S+Z$/)
})

test('user list, whose reader stops after a line, ends without an error message', async (t: TestContext) => {
  const url = await createDatabase()
  await fill(url)
  const command = [process.execPath, ...nodeArguments(CLI, ['user', 'list', '--json'])]
  const script = `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`
  const { PATH } = process.env
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', ...command], {
    encoding: 'utf8',
    env: { PATH, DATABASE_URL: url },
  })
  t.assert.deepStrictEqual({ stdout, stderr }, { stdout: '[\n0\n', stderr: '' })
})

test('user show counts the live sessions and tokens of a user, by name and by id', async (t: TestContext) => {
  const url = await createDatabase()
  const { id, username } = await makeDatabaseUser(open(t, url), 'admin')
  const later = 'CURRENT_TIMESTAMP + INTERVAL 1 HOUR'
  await query(
    url,
    `INSERT INTO sessions (digest, user_id, epoch, expires_at) VALUES
      (REPEAT('a', 32), ${id}, 0, ${later}), (REPEAT('b', 32), ${id}, 0, ${later}),
      (REPEAT('c', 32), ${id}, 0, CURRENT_TIMESTAMP)`,
  )
  await query(
    url,
    `INSERT INTO tokens (digest, user_id, name) VALUES (REPEAT('a', 32), ${id}, 'one')`,
  )
  const { succeed } = await commandsOn(t, url)
  const { createdAt, ...shown } = JSON.parse(await succeed(['user', 'show', username, '--json']))
  t.assert.match(createdAt, /Z$/)
  t.assert.deepStrictEqual(shown, {
    id,
    username,
    kind: 'person',
    role: 'admin',
    disabled: false,
    addressRanges: null,
    passwordChangedAt: null,
    importedAt: null,
    sessions: 2,
    tokens: 1,
    failedAttempts: 0,
    throttledUntil: null,
  })
  const lines = (await succeed(['user', 'show', `id:${id}`])).split('\n')
  t.assert.ok(lines.includes(`username          ${username}`))
  t.assert.ok(lines.includes('sessions          2'))
  t.assert.ok(lines.includes('password changed  -'))
})
