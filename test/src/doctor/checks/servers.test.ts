import { type TestContext, test } from 'node:test'
import type { Engine } from '../../../../db/client.ts'
import { checkPrimaries } from '../../../../src/doctor/checks/servers.ts'

const MARIADB: Engine = { name: 'MariaDB', takesChanges: true, takesReads: true, readsAll: false }
const GALERA: Engine = { ...MARIADB, name: 'Galera', readsAll: true }
const one = { host: 'one', identity: 'a 3306 1' }
const two = { host: 'two', identity: 'b 3306 2' }

test('two servers that take changes are a failure, unless the engine keeps them equal or they are the same server', (t: TestContext) => {
  const found = (engine: Engine, second = two) =>
    checkPrimaries([
      { ...one, engine },
      { ...second, engine },
    ])
  const [check] = found(MARIADB)
  t.assert.strictEqual(check?.status, 'fail')
  t.assert.match(check?.text ?? '', /^one and two take changes, and nothing keeps/)
  t.assert.match((check?.status === 'fail' && check.todo) || '', /read_only=ON/)
  t.assert.deepStrictEqual(found(GALERA), [])
  t.assert.deepStrictEqual(found(MARIADB, { ...one, host: 'another name' }), [])
  const standby = { ...two, engine: { ...MARIADB, takesChanges: false } }
  t.assert.deepStrictEqual(checkPrimaries([{ ...one, engine: MARIADB }, standby]), [])
})
