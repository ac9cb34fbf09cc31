import { EventEmitter, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BatchLimits, BatchQueue, type LookupError } from '../../../db/lookups/batch.ts'
import { fail, warningsOf } from '../../support/warnings.ts'

const LIMITS: BatchLimits = { maxSize: 100, maxRunning: 1, maxWaiting: 1_000, deadlineMs: 5_000 }

test('lookups of one turn of the event loop run as one batch', async (t: TestContext) => {
  const { batches, load } = createQueue()
  const found = await Promise.all([load(1), load(2), load(1), load(3)])
  t.assert.deepStrictEqual(found, ['1', '2', '1', '3'])
  t.assert.deepStrictEqual(batches, [[1, 2, 1, 3]])
})

test('a lookup that arrives while a batch with its key runs is read again, by the next batch', async (t: TestContext) => {
  let version = 0
  const gate = createGate()
  const { load } = createQueue({}, async (key) => {
    const read = `${key} v${version}` // a database reads when the query arrives
    await gate.passed
    return read
  })
  const before = load(1)
  await nextTurn()
  version = 1
  const after = load(1)
  gate.open()
  t.assert.deepStrictEqual([await before, await after], ['1 v0', '1 v1'])
})

test('more lookups than a batch takes run as several batches', async (t: TestContext) => {
  const { batches, load } = createQueue({ maxSize: 10 })
  const keys = Array.from({ length: 25 }, (_, index) => index)
  t.assert.deepStrictEqual(await Promise.all(keys.map(load)), keys.map(String))
  t.assert.deepStrictEqual(
    batches.map(({ length }) => length),
    [10, 10, 5],
  )
})

test('lookups of several turns that arrive while a batch runs share the next batch', async (t: TestContext) => {
  const gate = createGate()
  const { batches, load } = createQueue({}, gate.pass)
  const first = load(1)
  await nextTurn()
  const second = load(2)
  await nextTurn()
  const third = load(3)
  t.assert.deepStrictEqual(batches, [[1]])
  gate.open()
  await Promise.all([first, second, third])
  t.assert.deepStrictEqual(batches, [[1], [2, 3]])
})

test('a full queue refuses a lookup, and accepts lookups again when a batch has started', async (t: TestContext) => {
  const gate = createGate()
  const { load } = createQueue({ maxWaiting: 2 }, gate.pass)
  const first = load(1)
  await nextTurn()
  const waiting = [load(2), load(3)]
  t.assert.strictEqual(await codeOf(load(4)), 'LOOKUP_QUEUE_FULL')
  gate.open()
  t.assert.deepStrictEqual(await Promise.all([first, ...waiting]), ['1', '2', '3'])
  t.assert.strictEqual(await load(4), '4')
})

test('a batch that runs and a batch that waits both expire at their deadline', async (t: TestContext) => {
  const gate = createGate()
  const { batches, load } = createQueue({ deadlineMs: 50 }, gate.pass)
  const first = load(1)
  await nextTurn()
  const second = load(2)
  t.assert.deepStrictEqual(await Promise.all([codeOf(first), codeOf(second)]), [
    'LOOKUP_TIMEOUT',
    'LOOKUP_TIMEOUT',
  ])
  gate.open()
  await nextTurn()
  t.assert.strictEqual(await load(3), '3')
  t.assert.deepStrictEqual(batches, [[1], [3]], 'the batch that expired while waiting never runs')
})

test('a batch that fails rejects all its lookups, and does not run again', async (t: TestContext) => {
  const { batches, load } = createQueue({}, async (key) => {
    throw new Error(`no value for ${key}`)
  })
  const settled = await Promise.allSettled([load(1), load(2), load(3)])
  t.assert.ok(settled.every(({ status }) => status === 'rejected'))
  t.assert.deepStrictEqual(batches, [[1, 2, 3]])
  t.assert.strictEqual((await Promise.allSettled([load(4)])).length, 1, 'the queue goes on')
  t.assert.deepStrictEqual(batches, [[1, 2, 3], [4]])
})

test('a batch whose observer throws, at its start or its end, has its results, and the next one runs', async (t: TestContext) => {
  const warnings = warningsOf(t)
  const { queue, load } = createQueue()
  const ended: string[] = []
  queue.observers.push(
    () => () => ended.push('first'),
    () => fail('at the start'),
    () => () => fail('at the end'),
    () => () => ended.push('last'),
  )
  t.assert.strictEqual(await load(1), '1')
  t.assert.strictEqual(await load(2), '2')
  await nextTurn() // the end of the second batch, and the warnings, have passed by then
  t.assert.deepStrictEqual(ended, ['first', 'last', 'first', 'last'])
  t.assert.deepStrictEqual(warnings, ['at the start', 'at the end', 'at the start', 'at the end'])
})

/** A queue that records its batches. */
function createQueue(
  limits: Partial<BatchLimits> = {},
  read = async (key: number): Promise<string> => String(key),
) {
  const batches: number[][] = []
  const queue = new BatchQueue<number, string>({ ...LIMITS, ...limits }, async (lookups) => {
    batches.push(lookups.map(({ key }) => key))
    const values = await Promise.all(lookups.map(({ key }) => read(key)))
    for (const [index, { resolve }] of lookups.entries()) resolve(values[index] ?? '')
  })
  return { queue, batches, load: (key: number) => queue.load(key) }
}

function createGate() {
  const gate = new EventEmitter()
  const passed = once(gate, 'open')
  return {
    passed,
    pass: async (key: number) => passed.then(() => String(key)),
    open: () => gate.emit('open'),
  }
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  return answer.then(
    () => 'none',
    (error: LookupError) => error.code,
  )
}
