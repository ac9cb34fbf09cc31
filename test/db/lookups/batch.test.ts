import { EventEmitter, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { type BatchLimits, createBatch, type LookupError } from '../../../db/lookups/batch.ts'

const LIMITS: BatchLimits = { maxKeys: 100, maxAsking: 1, maxWaiting: 1_000, deadlineMs: 5_000 }

test('a batch, of keys of one turn, asks once, for each key once, and tells what is not there', async (t: TestContext) => {
  const { asked, load } = createRecorded()
  const found = await Promise.all([load(1), load(2), load(1), load(-3)])
  t.assert.deepStrictEqual(found, ['1', '2', '1', undefined])
  t.assert.deepStrictEqual(asked, [[1, 2, -3]])
})

test('a batch, asked again for a key, asks anew: also where the first answer is under way', async (t: TestContext) => {
  let version = 0
  const gate = createGate()
  const load = createBatch<number, number>(
    async (keys) => {
      const read = version // as a database reads it: when the question comes
      await gate.passed
      return new Map(keys.map((key) => [key, read]))
    },
    LIMITS,
    () => true,
  )
  const before = load(1)
  await nextTurn()
  version = 1
  const after = load(1)
  gate.open()
  t.assert.deepStrictEqual([await before, await after, await load(1)], [0, 1, 1])
})

test('a batch, of more keys than one question takes, asks several times', async (t: TestContext) => {
  const { asked, load } = createRecorded({ maxKeys: 10 })
  const keys = Array.from({ length: 25 }, (_, index) => index)
  t.assert.deepStrictEqual(await Promise.all(keys.map(load)), keys.map(String))
  t.assert.deepStrictEqual(
    asked.map(({ length }) => length),
    [10, 10, 5],
  )
})

test('a batch, asked while its questions are under way, waits, and asks for all that came at once', async (t: TestContext) => {
  const gate = createGate()
  const { asked, load } = createRecorded({}, () => gate.passed)
  const first = load(1)
  await nextTurn()
  const second = load(2)
  await nextTurn()
  const third = load(3)
  t.assert.deepStrictEqual(asked, [[1]])
  gate.open()
  await Promise.all([first, second, third])
  t.assert.deepStrictEqual(asked, [[1], [2, 3]])
})

test('a batch, with as many waiting as there may be, refuses the next, and later takes keys again', async (t: TestContext) => {
  const gate = createGate()
  const { load } = createRecorded({ maxWaiting: 2 }, () => gate.passed)
  const first = load(1)
  await nextTurn()
  const waiting = [load(2), load(3)]
  t.assert.strictEqual(await codeOf(load(4)), 'LOOKUP_QUEUE_FULL')
  gate.open()
  t.assert.deepStrictEqual(await Promise.all([first, ...waiting]), ['1', '2', '3'])
  t.assert.strictEqual(await load(4), '4')
})

test('a batch, whose question stands still, fails at its deadline, as do those that wait', async (t: TestContext) => {
  const gate = createGate()
  const { asked, load } = createRecorded({ deadlineMs: 50 }, () => gate.passed)
  const first = load(1)
  await nextTurn()
  const second = load(2)
  t.assert.deepStrictEqual(await Promise.all([codeOf(first), codeOf(second)]), [
    'LOOKUP_TIMEOUT',
    'LOOKUP_TIMEOUT',
  ])
  gate.open()
  await sleep(0)
  t.assert.strictEqual(await load(3), '3')
  t.assert.deepStrictEqual(asked, [[1], [3]], 'nobody waits for the second any more')
})

test('a batch, with a key that makes its question fail, fails for that key alone', async (t: TestContext) => {
  const load = createBatch<number, string>(
    async (keys) => {
      if (keys.includes(13)) throw new Error('an unlucky key')
      return new Map(keys.map((key) => [key, String(key)]))
    },
    LIMITS,
    () => false,
  )
  const keys = Array.from({ length: 20 }, (_, index) => index)
  const settled = await Promise.allSettled(keys.map(load))
  for (const [key, outcome] of settled.entries()) {
    t.assert.strictEqual(outcome.status, key === 13 ? 'rejected' : 'fulfilled')
  }
})

test('a batch, whose question fails for all, is not asked anew', async (t: TestContext) => {
  let questions = 0
  const load = createBatch<number, string>(
    async () => {
      questions++
      throw new Error('the connection is lost')
    },
    LIMITS,
    () => true,
  )
  const settled = await Promise.allSettled([load(1), load(2), load(3)])
  t.assert.ok(settled.every(({ status }) => status === 'rejected'))
  t.assert.strictEqual(questions, 1)
})

/** Finds a text for each key that isn't negative, and records what it is asked. */
function createRecorded(
  limits: Partial<BatchLimits> = {},
  until = async (): Promise<unknown> => undefined,
) {
  const asked: number[][] = []
  const load = createBatch<number, string>(
    async (keys) => {
      asked.push(keys)
      await until()
      return new Map(keys.filter((key) => key >= 0).map((key) => [key, String(key)]))
    },
    { ...LIMITS, ...limits },
    () => true,
  )
  return { asked, load }
}

function createGate() {
  const gate = new EventEmitter()
  return { passed: once(gate, 'open'), open: () => gate.emit('open') }
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  return answer.then(
    () => 'none',
    (error: LookupError) => error.code,
  )
}
