import { type TestContext, test } from 'node:test'
import type { RowDataPacket } from 'mysql2'
import { readEngine } from '../../../db/connections/engine.ts'
import { OperationError } from '../../../db/connections/errors.ts'

/** What servers answer, as it was recorded from them. */
const MARIADB = { version: '10.11.19-MariaDB-0+deb12u1', read_only: 'OFF', wsrep_on: 'OFF' }
const MYSQL = {
  version: '9.7.4',
  read_only: 'OFF',
  super_read_only: 'OFF',
  innodb_read_only: 'OFF',
}
const TIDB = { version: '8.0.11-TiDB-v8.5.0', read_only: 'OFF', super_read_only: 'OFF' }
const GROUP = { ...MYSQL, group_replication_group_name: 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa' }
const GALERA = { ...MARIADB, wsrep_on: 'ON' }
const SYNCED = {
  wsrep_ready: 'ON',
  wsrep_cluster_status: 'Primary',
  wsrep_local_state: '4',
  wsrep_local_state_comment: 'Synced',
}

test('a server is recognised by its variables, and only servers that have others are waited for', async (t: TestContext) => {
  const waitOf = async (variables: object) => {
    const { name, takesChanges, waitStatement, readsAll } = await engineOf(variables)
    return [name, takesChanges, waitStatement, readsAll]
  }
  t.assert.deepStrictEqual(await waitOf(MARIADB), ['MariaDB', true, undefined, false])
  t.assert.deepStrictEqual(await waitOf(MYSQL), ['MySQL', true, undefined, false])
  t.assert.deepStrictEqual(await waitOf(TIDB), ['TiDB', true, undefined, true])
  t.assert.match(String((await waitOf(GROUP))[2]), /group_replication_consistency/)
  t.assert.match(String((await waitOf(GALERA))[2]), /wsrep_sync_wait = 7, wsrep_dirty_reads = OFF/)
})

test('a server that is read-only takes no changes, and says which variable is the reason', async (t: TestContext) => {
  for (const name of ['read_only', 'super_read_only', 'innodb_read_only']) {
    const { takesChanges, takesReads, why } = await engineOf({ ...MYSQL, [name]: 'ON' })
    t.assert.deepStrictEqual([takesChanges, takesReads, why], [false, true, `${name}=ON`])
  }
})

test('a Galera node takes changes and reads only if it is synced, ready and in the primary component', async (t: TestContext) => {
  t.assert.strictEqual((await engineOf(GALERA)).takesChanges, true)
  for (const status of [
    { wsrep_cluster_status: 'non-Primary' },
    { wsrep_ready: 'OFF' },
    { wsrep_local_state: '2', wsrep_local_state_comment: 'Donor/Desynced' },
  ]) {
    const { takesChanges, takesReads, why } = await engineOf(GALERA, { ...SYNCED, ...status })
    t.assert.deepStrictEqual([takesChanges, takesReads], [false, false])
    t.assert.match(why ?? '', /non-Primary|Synced|Donor/)
  }
})

test('a Galera node outside the primary component is not read, and a donor is, because it waits', async (t: TestContext) => {
  const readsAll = async (status: object) => {
    return (await engineOf(GALERA, { ...SYNCED, ...status })).readsAll
  }
  t.assert.strictEqual(await readsAll({ wsrep_cluster_status: 'non-Primary' }), false)
  t.assert.strictEqual(await readsAll({ wsrep_local_state: '2' }), true)
})

test('a member of a group serves reads if it is read-only, and nothing while it is not online in the majority', async (t: TestContext) => {
  const primary = await engineOf(GROUP)
  t.assert.deepStrictEqual([primary.takesChanges, primary.readsAll], [true, true])
  const secondary = await engineOf({ ...GROUP, super_read_only: 'ON' })
  const { takesChanges, takesReads, readsAll } = secondary
  t.assert.deepStrictEqual([takesChanges, takesReads, readsAll], [false, true, true])
  for (const variables of [GROUP, { ...GROUP, super_read_only: 'ON' }]) {
    const engine = await readEngine(async (sql) => {
      if (sql.startsWith('SELECT')) throw Object.assign(new Error('no member'), { errno: 1123 })
      return rowsOf(variables)
    })
    t.assert.deepStrictEqual(
      [engine.takesChanges, engine.takesReads, engine.readsAll],
      [false, false, false],
    )
    t.assert.match(engine.why ?? '', /not an online member/)
  }
})

test('a group member whose connection is lost while it is examined is not taken for one that has left', async (t: TestContext) => {
  const failure = await readEngine(async (sql) => {
    if (sql.startsWith('SELECT')) throw new OperationError('CONNECTION_LOST')
    return rowsOf(GROUP)
  }).catch((error: unknown) => error)
  t.assert.ok(failure instanceof OperationError)
})

function engineOf(variables: object, status: object = SYNCED) {
  return readEngine(async (sql) => {
    return rowsOf(sql.includes('VARIABLES') ? variables : status)
  })
}

function rowsOf(values: object): RowDataPacket[] {
  const rows = Object.entries(values).map(([Variable_name, Value]) => ({ Variable_name, Value }))
  return rows as RowDataPacket[]
}
