import { EventEmitter, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as events from '../../../db/queries/events.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { open } from '../../support/database/open.ts'

const DATABASE_URL = await createDatabase()
const FILTER = { order: 'oldest', type: undefined, userId: undefined, limit: 100 } as const

test('an event waits for the commit of the previous one, so that ids become visible in order', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const beyond = (await events.list(db, { ...FILTER, beyond: undefined })).at(-1)?.id
  const steps = new EventEmitter()
  const recorded = once(steps, 'recorded')
  const first = transaction(db, async (tx) => {
    await events.recordEvent(tx, {}, { type: 'login', userId: 1 })
    const go = once(steps, 'go')
    steps.emit('recorded')
    await go
  })
  await recorded
  const second = transaction(db, (tx) => events.recordEvent(tx, {}, { type: 'login', userId: 2 }))
  const early = await Promise.race([second.then(() => 'done'), sleep(300, 'waits')])
  t.assert.strictEqual(early, 'waits')
  t.assert.deepStrictEqual(await events.list(db, { ...FILTER, beyond }), [])
  steps.emit('go')
  await Promise.all([first, second])
  const seen = await events.list(db, { ...FILTER, beyond })
  t.assert.deepStrictEqual(
    seen.map(({ userId }) => userId),
    [1, 2],
  )
})

test('an event of a change that is rolled back is not stored, and the next one is', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const beyond = (await events.list(db, { ...FILTER, beyond: undefined })).at(-1)?.id
  const failed = transaction(db, async (tx) => {
    await events.recordEvent(tx, {}, { type: 'login', userId: 3 })
    throw new Error('the change failed')
  })
  await t.assert.rejects(failed, /the change failed/)
  await transaction(db, (tx) => events.recordEvent(tx, {}, { type: 'login', userId: 4 }))
  const seen = await events.list(db, { ...FILTER, beyond })
  t.assert.deepStrictEqual(
    seen.map(({ userId }) => userId),
    [4],
  )
})
