import { type TestContext, test } from 'node:test'
import { isConflict } from '../../db/conflicts.ts'
import { databaseFault } from '../../db/errors.ts'
import { failureOfCommit } from '../../db/transaction.ts'

test('an error during COMMIT is a conflict only if the storage engine reports a deadlock', (t: TestContext) => {
  // As MySQL 9.7 sends them, the first one after another member has changed the same row.
  const deadlock = "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT"
  const full = "Got error 28 - 'No space left on device' during COMMIT"
  t.assert.strictEqual(isConflict(serverError(1180, deadlock)), true)
  t.assert.strictEqual(isConflict(serverError(1180, full)), false)
})

test('a conflict that a group finds at the commit is one, and a lost group is none', (t: TestContext) => {
  t.assert.strictEqual(isConflict(serverError(3101, 'rolled back')), true)
  t.assert.strictEqual(isConflict(serverError(3100, 'a hook failed')), false)
})

test('an error of TiDB without a number of its own is a conflict only if its text says so', (t: TestContext) => {
  for (const text of ['pessimistic lock retry limit reached', 'lock wait timeout']) {
    t.assert.strictEqual(isConflict(serverError(1105, text)), true, text)
  }
  t.assert.strictEqual(isConflict(serverError(1105, 'context deadline exceeded')), false)
  t.assert.strictEqual(isConflict(serverError(1064, 'near "lock wait timeout"')), false)
})

test('a COMMIT that fails with an error of TiDB without a number is unclear, unless it is a conflict', (t: TestContext) => {
  const codeOf = (error: Error) => databaseFault(failureOfCommit(error))?.code
  t.assert.strictEqual(codeOf(serverError(1105, 'context deadline exceeded')), 'OUTCOME_UNKNOWN')
  for (const error of [
    serverError(1105, 'lock wait timeout'),
    serverError(1062, 'Duplicate entry'),
  ]) {
    t.assert.strictEqual(failureOfCommit(error), error)
  }
})

function serverError(errno: number, message: string): Error {
  return Object.assign(new Error(message), { errno, sqlState: 'HY000' })
}
