import { type TestContext, test } from 'node:test'
import { isConflict } from '../../db/conflicts.ts'

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

function serverError(errno: number, message: string): Error {
  return Object.assign(new Error(message), { errno, sqlState: 'HY000' })
}
