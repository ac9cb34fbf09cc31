import { type TestContext, test } from 'node:test'
import { withLease } from '../../../db/lease.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeDatabaseUser } from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'
import { query } from '../../support/database/query.ts'
import { commandsOn } from '../../support/process/command.ts'

test('sweep deletes expired rows and events older than the setting, and prints how many', async (t: TestContext) => {
  const url = await createDatabase()
  const { succeed, site, environment } = await commandsOn(t, url)
  const { id } = await makeDatabaseUser(open(t, url))
  const now = 'CURRENT_TIMESTAMP'
  await query(
    url,
    `INSERT INTO sessions (digest, user_id, last_seen_at, expires_at) VALUES
      (REPEAT('a', 32), ${id}, ${now}, ${now}),
      (REPEAT('b', 32), ${id}, ${now} - INTERVAL 2 HOUR, ${now} + INTERVAL 9 HOUR),
      (REPEAT('c', 32), ${id}, ${now}, ${now} + INTERVAL 9 HOUR)`,
  )
  await query(url, `UPDATE events SET at = ${now} - INTERVAL 2 DAY`)
  t.assert.strictEqual(await succeed(['sweep']), 'Rows deleted: 1.\n')
  const settings = { ...environment, SESSION_IDLE: '3600', EVENTS_RETENTION: '86400' }
  const swept = await site.run('src/cli.ts', ['sweep', '--json'], settings)
  t.assert.deepStrictEqual(swept, { code: 0, stdout: '{"rowsDeleted":2}\n', stderr: '' })
  t.assert.deepStrictEqual(await query(url, 'SELECT * FROM events'), [])
  const left = await query(url, 'SELECT CAST(digest AS CHAR) AS digest FROM sessions')
  t.assert.deepStrictEqual(left, [{ digest: 'c'.repeat(32) }])
})

test('sweep, while another process sweeps, says so and ends with 1', async (t: TestContext) => {
  const url = await createDatabase()
  const db = open(t, url)
  const { run } = await commandsOn(t, url)
  await withLease(db, 'sweep', async () => {
    const stderr = 'Another process sweeps now. Nothing was done.\n'
    t.assert.deepStrictEqual(await run(['sweep']), { code: 1, stdout: '', stderr })
  })
})
