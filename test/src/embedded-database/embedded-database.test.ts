import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { joinEmbeddedDatabase } from '../../../src/embedded-database/embedded-database.ts'
import { query } from '../../support/database/query.ts'
import {
  ended,
  exitCode,
  install,
  isRunning,
  listenTo,
  makeDatabaseFiles,
  needsServerBinary,
} from '../../support/process/installation.ts'
import { listeningSockets } from '../../support/process/listening-sockets.ts'

const databaseFiles = await makeDatabaseFiles()
const HOLDER = 'test/support/process/hold-database.ts'

test(
  'the private database, on its first start, creates files that only their owner can access',
  needsServerBinary,
  async (t: TestContext) => {
    const { data } = await install(t)
    const database = await joinEmbeddedDatabase(data)
    t.after(() => database.close())
    t.assert.deepStrictEqual(await query(database.url, 'SELECT 1 AS one'), [{ one: 1 }])
    t.assert.strictEqual(await mode(data), '700')
    t.assert.strictEqual(await mode(join(data, 'mysql')), '700')
    t.assert.strictEqual(await mode(join(data, 'server.log')), '600')
    t.assert.deepStrictEqual(
      (await readdir(data)).filter((name) => name.startsWith('unfinished')),
      [],
    )
  },
)

test(
  'the private database, started again, finds its data',
  needsServerBinary,
  async (t: TestContext) => {
    const { data } = await install(t, databaseFiles)
    const first = await joinEmbeddedDatabase(data)
    await query(
      first.url,
      "INSERT INTO users (username, username_key, password_hash) VALUES ('A', 'a', '')",
    )
    await first.close()
    const second = await joinEmbeddedDatabase(data)
    t.assert.deepStrictEqual(await query(second.url, 'SELECT username FROM users'), [
      { username: 'A' },
    ])
    await second.close()
  },
)

test(
  'the private database, with two users, stops when the last one leaves',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, databasePid } = await install(t, databaseFiles)
    const first = await joinEmbeddedDatabase(data)
    const pid = databasePid()
    const second = await joinEmbeddedDatabase(data)
    t.assert.strictEqual(databasePid(), pid)
    await first.close()
    t.assert.ok(isRunning(pid))
    t.assert.deepStrictEqual(await query(second.url, 'SELECT 1 AS one'), [{ one: 1 }])
    await second.close()
    t.assert.ok(!isRunning(pid))
    t.assert.throws(databasePid)
  },
)

test(
  'the private database, left by two users at once, stops',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, databasePid } = await install(t, databaseFiles)
    const users = [await joinEmbeddedDatabase(data), await joinEmbeddedDatabase(data)]
    const pid = databasePid()
    await Promise.all(users.map((user) => user.close()))
    await ended(pid)
  },
)

test(
  'the private database, started by two processes at once, is one server that both use',
  needsServerBinary,
  async (t: TestContext) => {
    const { start, databasePid } = await install(t)
    const holders = [start(HOLDER), start(HOLDER)]
    const urls = await Promise.all(holders.map((holder) => listenTo(holder).until(/joined (\S+)/)))
    const pid = databasePid()
    t.assert.strictEqual(urls[0], urls[1])
    const [first, second] = holders
    first?.stdin.end()
    t.assert.strictEqual(first && (await exitCode(first)), 0)
    t.assert.ok(isRunning(pid))
    t.assert.deepStrictEqual(await query(urls[1] ?? '', 'SELECT 1 AS one'), [{ one: 1 }])
    second?.stdin.end()
    t.assert.strictEqual(second && (await exitCode(second)), 0)
    await ended(pid)
  },
)

test('the private database has no network port', needsServerBinary, async (t: TestContext) => {
  const { data, databasePid } = await install(t, databaseFiles)
  const { url, close } = await joinEmbeddedDatabase(data)
  t.after(close)
  t.assert.deepStrictEqual(await query(url, 'SELECT @@skip_networking AS off'), [{ off: 1 }])
  const sockets = await listeningSockets(databasePid())
  if (sockets) t.assert.deepStrictEqual(sockets, [])
})

/** The permission bits, in octal. */
async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8)
}
