import { type TestContext, test } from 'node:test'
import { Operator } from '../../../db/queries/authority.ts'
import { findManaged } from '../../../db/queries/operator-views.ts'
import { listUsers } from '../../../db/queries/user-list.ts'
import * as users from '../../../db/queries/users.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeDatabaseUser } from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'
import { query } from '../../support/database/query.ts'
import { commandsOn } from '../../support/process/command.ts'

const CAREFUL = { actor: new Operator({ mayEndLastAdmin: false }), origin: { osUser: 'me' } }

const CHANGES = {
  disable: ['user', 'disable', 'NAME'],
  demote: ['user', 'set-role', 'NAME', 'user'],
  delete: ['user', 'delete', 'NAME'],
}

for (const [change, words] of Object.entries(CHANGES)) {
  test(`a command to ${change} the last enabled admin is refused, and with --force is done`, async (t: TestContext) => {
    const url = await createDatabase()
    const db = open(t, url)
    const { run, succeed } = await commandsOn(t, url)
    const admin = await makeDatabaseUser(db, 'admin')
    const disabled = await makeDatabaseUser(db, 'admin')
    await query(url, `UPDATE users SET disabled = TRUE WHERE id = ${disabled.id}`)
    await makeDatabaseUser(db, 'user')
    const args = words.map((word) => (word === 'NAME' ? admin.username : word))
    const before = await query(url, 'SELECT * FROM users')
    const events = await query(url, 'SELECT * FROM events')
    t.assert.deepStrictEqual(await run(args), {
      code: 1,
      stdout: '',
      stderr: `${admin.username} is the last enabled admin. Add --force to do it nevertheless.\n`,
    })
    t.assert.deepStrictEqual(await query(url, 'SELECT * FROM users'), before)
    t.assert.deepStrictEqual(await query(url, 'SELECT * FROM events'), events)

    await succeed([...args, '--force'])
    const left = "SELECT id FROM users WHERE role = 'admin' AND NOT disabled"
    t.assert.deepStrictEqual(await query(url, left), [])
    t.assert.strictEqual((await query(url, 'SELECT * FROM events')).length, events.length + 1)
  })
}

test('an admin is disabled by an operator without force while another enabled one remains', async (t: TestContext) => {
  const db = open(t, await createDatabase())
  const [first, second] = [await makeDatabaseUser(db, 'admin'), await makeDatabaseUser(db, 'admin')]
  const disable = (userId: number) => users.update(db, { ...CAREFUL, userId }, { disabled: true })
  t.assert.ok((await disable(first.id)).ok)
  t.assert.deepStrictEqual(await disable(second.id), { ok: false, reason: 'last-admin' })
  t.assert.ok((await disable(first.id)).ok) // it is no enabled admin, so nothing is lost
  const same = await users.update(db, { ...CAREFUL, userId: second.id }, { role: 'admin' })
  t.assert.ok(same.ok)
  t.assert.strictEqual((await findManaged(db, { id: second.id }))?.disabled, false)
})

test('two operators who disable the last two admins at the same time leave one of them', async (t: TestContext) => {
  const db = open(t, await createDatabase())
  for (let round = 0; round < 20; round++) {
    const pair = [await makeDatabaseUser(db, 'admin'), await makeDatabaseUser(db, 'admin')]
    const results = await Promise.all(
      pair.map(({ id }) => users.update(db, { ...CAREFUL, userId: id }, { disabled: true })),
    )
    const reasons = results.map((result) => (result.ok ? 'done' : result.reason)).sort()
    t.assert.deepStrictEqual(reasons, ['done', 'last-admin'])
    const enabled = await listUsers(db, { role: 'admin', disabled: false, limit: 10 })
    t.assert.strictEqual(enabled.length, 1)
    for (const { id } of enabled) {
      const actor = new Operator({ mayEndLastAdmin: true })
      await users.update(db, { ...CAREFUL, actor, userId: id }, { disabled: true })
    }
  }
})
