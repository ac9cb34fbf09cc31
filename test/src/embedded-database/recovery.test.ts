import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
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
import { until } from '../../support/until.ts'

const databaseFiles = await makeDatabaseFiles()
const HOLDER = 'test/support/process/hold-database.ts'

test(
  'the private database, killed, is reported as lost, and keeps what was committed',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, databasePid } = await install(t, databaseFiles)
    const first = await joinEmbeddedDatabase(data)
    const pid = databasePid()
    for (let name = 0; name < 20; name++) {
      await query(
        first.url,
        `INSERT INTO users (username, username_key, password_hash) VALUES ('${name}', '${name}', '')`,
      )
    }
    process.kill(pid, 'SIGKILL')
    await first.lost
    await first.close()

    const second = await joinEmbeddedDatabase(data)
    t.assert.deepStrictEqual(await query(second.url, 'SELECT COUNT(*) AS n FROM users'), [
      { n: 20 },
    ])
    t.assert.notStrictEqual(databasePid(), pid)
    await second.close()
  },
)

test(
  'the private database, left behind by a killed process, is joined, and stopped after use',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, start, databasePid } = await install(t, databaseFiles)
    const starter = start(HOLDER)
    await listenTo(starter).until(/joined/)
    const pid = databasePid()
    starter.kill('SIGKILL')
    t.assert.strictEqual(await exitCode(starter), 'SIGKILL')
    t.assert.ok(isRunning(pid))

    const database = await joinEmbeddedDatabase(data)
    t.assert.strictEqual(databasePid(), pid)
    // On a busy machine, the server notices later that the starter is gone.
    const users = `SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'root' AND DB IS NULL`
    await until(
      async () => (await query(database.url, users)).length === 1,
      () => 'the killed process is still connected',
    )
    await database.close()
    await ended(pid)
  },
)

test(
  'the private database, where a process died while it created the files, creates them again',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, startProgram } = await install(t)
    const dead = startProgram(process.execPath, ['-e', '0'])
    t.assert.strictEqual(await exitCode(dead), 0)
    const abandoned = `unfinished-${dead.pid}-abc`
    const others = `unfinished-${process.ppid}-abc`
    for (const name of [abandoned, others]) {
      await mkdir(join(data, name), { recursive: true })
      await writeFile(join(data, name, 'ibdata1'), 'half')
    }
    const database = await joinEmbeddedDatabase(data)
    t.after(() => database.close())
    const left = (await readdir(data)).filter((name) => name.startsWith('unfinished'))
    t.assert.deepStrictEqual(left, [others])
  },
)

test(
  'the private database, with invalid files, fails to start and names its log',
  needsServerBinary,
  async (t: TestContext) => {
    const { data } = await install(t)
    await mkdir(join(data, 'mysql'), { recursive: true })
    const log = join(data, 'server.log')
    await t.assert.rejects(joinEmbeddedDatabase(data), {
      message: `The private database server did not start. See ${log}.`,
    })
    t.assert.match(await readFile(log, 'utf8'), /error/i)
  },
)
