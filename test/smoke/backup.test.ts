// Follows "Backup and restore" of docs/operations.md.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type TestContext, test } from 'node:test'
import { findProgram } from '../../scripts/server-binary.mjs'
import { createDatabase, createEmptyDatabase } from '../support/database/database.ts'
import { query } from '../support/database/query.ts'
import { cookieOf, giveToken, makeUser } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { readList } from '../support/http/read-list.ts'
import { makeFolder } from '../support/process/folder.ts'

const dump = findProgram('mysqldump') ?? findProgram('mariadb-dump')
const client = findProgram('mysql') ?? findProgram('mariadb')

test('a restored backup has the accounts, the sessions, the tokens and the audit trail, and accepts new logins', {
  skip: dump && client ? false : 'no mysqldump',
}, async (t: TestContext) => {
  const from = await createDatabase()
  const { app } = await build(t, { DATABASE_URL: from })
  const [admin, user] = [await makeUser(app, 'admin'), await makeUser(app)]
  const logIn = (to: typeof app, { username, password } = user) =>
    send(to, 'POST', '/login', { body: { username, password } })
  const cookie = cookieOf(await logIn(app))
  const adminCookie = cookieOf(await logIn(app, admin))
  const { headers } = await giveToken(app, user)
  const name = `r-${randomUUID()}`
  const registered = { username: name, password: 'correct horse battery' }
  await send(app, 'POST', '/user', { body: registered })
  const events = await readList(t, app, '/events?limit=100', adminCookie)

  const file = join(await makeFolder(t), 'gatehouse.sql')
  const saved = run(dump ?? '', [
    ...['--single-transaction', '--no-tablespaces', '--hex-blob'],
    ...connectionTo(from),
  ])
  await Promise.all([pipeline(saved.stdout, createWriteStream(file)), succeeded(t, saved)])
  await query(from, `DROP DATABASE ${nameOf(from)}`)

  const to = await createEmptyDatabase()
  const loaded = run(client ?? '', connectionTo(to))
  loaded.stdout.resume()
  await Promise.all([pipeline(createReadStream(file), loaded.stdin), succeeded(t, loaded)])
  await query(to, 'ANALYZE TABLE users, sessions, tokens')

  const { app: restored } = await build(t, { DATABASE_URL: to })
  t.assert.strictEqual((await send(restored, 'GET', '/readyz')).statusCode, 200)
  for (const credential of [{ cookie }, { headers }]) {
    const me = await send(restored, 'GET', '/me', credential)
    t.assert.strictEqual(me.json().id, user.id)
  }
  t.assert.strictEqual((await logIn(restored)).statusCode, 200)
  t.assert.strictEqual((await logIn(restored, { ...user, ...registered })).statusCode, 200)
  const after = await readList(t, restored, '/events?limit=100', adminCookie)
  t.assert.deepStrictEqual(after.slice(-events.length), events)
})

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

function connectionTo(url: string): string[] {
  const { hostname, port, username, password, searchParams } = new URL(url)
  const socket = searchParams.get('socketPath')
  return [
    ...(socket ? [`--socket=${socket}`] : [`--host=${hostname}`, `--port=${port || 3306}`]),
    `--user=${decodeURIComponent(username)}`,
    ...(password ? [`--password=${decodeURIComponent(password)}`] : []),
    nameOf(url),
  ]
}

function run(program: string, options: string[]) {
  return spawn(program, options, { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function succeeded(t: TestContext, child: ReturnType<typeof run>): Promise<void> {
  const [code] = await once(child, 'exit')
  t.assert.strictEqual(code, 0)
}
