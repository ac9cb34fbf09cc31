import { type TestContext, test } from 'node:test'
import {
  checkConnections,
  checkDurability,
  checkLimits,
  checkWrites,
} from '../../../../src/doctor/checks/database-settings.ts'
import { checkVersion, parseVersion } from '../../../../src/doctor/checks/version.ts'

const SAFE = { innodb_flush_log_at_trx_commit: '1', log_bin: 'ON', sync_binlog: '1' }

test('a version is recognised in the texts of MySQL, MariaDB and TiDB, and old ones are reported', (t: TestContext) => {
  const statusOf = (text: string) => checkVersion(parseVersion(text)).status
  for (const text of ['8.0.40', '8.4.3', '9.7.4-2', '8.0.11-TiDB-v8.5.0']) {
    t.assert.strictEqual(statusOf(text), 'ok', text)
  }
  for (const text of ['10.11.6-MariaDB-0+deb12u1', '5.5.5-10.6.1-MariaDB', '11.4.2-MariaDB']) {
    t.assert.strictEqual(statusOf(text), 'ok', text)
  }
  for (const text of ['5.7.44', '10.5.1-MariaDB', '8.0.11-TiDB-v7.5.1']) {
    t.assert.strictEqual(statusOf(text), 'warn', text)
  }
  for (const text of ['5.6.51', '10.1.48-MariaDB', '5.7.25-TiDB-v6.5.2', 'x']) {
    t.assert.strictEqual(statusOf(text), 'fail', text)
  }
})

test('a database that can lose commits is a warning that names each setting', (t: TestContext) => {
  const todoOf = (changed: Record<string, string>) => {
    const check = checkDurability({ ...SAFE, ...changed })
    return check.status === 'ok' ? 'ok' : check.todo.replace(/\. .*/, '')
  }
  t.assert.strictEqual(todoOf({}), 'ok')
  t.assert.strictEqual(todoOf({ log_bin: 'OFF', sync_binlog: '0' }), 'ok')
  t.assert.strictEqual(todoOf({ sync_binlog: '0' }), 'Set sync_binlog=1')
  t.assert.strictEqual(
    todoOf({ innodb_flush_log_at_trx_commit: '2', sync_binlog: '100' }),
    'Set innodb_flush_log_at_trx_commit=1 and sync_binlog=1',
  )
})

test('connections are counted for all workers, beside those of other users', (t: TestContext) => {
  const statusOf = (limits: Record<string, string>, own: number, all: number, workers = 4) =>
    checkConnections({ max_connections: '151', ...limits }, { own, all }, workers).status
  t.assert.strictEqual(statusOf({}, 1, 10), 'ok')
  t.assert.strictEqual(statusOf({}, 61, 140), 'ok') // the instance runs
  t.assert.strictEqual(statusOf({}, 1, 140), 'warn')
  t.assert.strictEqual(statusOf({}, 1, 10, 12), 'fail')
  t.assert.strictEqual(statusOf({ max_user_connections: '59' }, 1, 10), 'fail')
  t.assert.strictEqual(statusOf({ max_user_connections: '60' }, 1, 10), 'ok')
})

test('a database that refuses changes is a failure', (t: TestContext) => {
  const statusesOf = (variables: Record<string, string>) =>
    checkWrites({ ...SAFE, read_only: 'OFF', binlog_format: 'ROW', ...variables }).map(
      ({ status, text }) => `${status} ${text.replace(/:.*/, '')}`,
    )
  t.assert.deepStrictEqual(statusesOf({}), ['ok the database accepts changes'])
  t.assert.deepStrictEqual(statusesOf({ read_only: 'ON' }), ['fail read_only=ON'])
  t.assert.deepStrictEqual(statusesOf({ super_read_only: 'ON', read_only: 'ON' }), [
    'fail super_read_only=ON',
  ])
  t.assert.deepStrictEqual(statusesOf({ binlog_format: 'STATEMENT' }), [
    'fail binlog_format=STATEMENT',
  ])
})

test('small packets and short waits are warnings', (t: TestContext) => {
  const countOf = (max_allowed_packet: string, wait_timeout: string) =>
    checkLimits({ max_allowed_packet, wait_timeout }).length
  t.assert.strictEqual(countOf('16777216', '28800'), 0)
  t.assert.strictEqual(countOf('1048576', '28800'), 1)
  t.assert.strictEqual(countOf('1048576', '10'), 2)
})
