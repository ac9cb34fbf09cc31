import { EventEmitter, once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { errors } from '../../../plugins/errors/errors.ts'
import { HashQueue, type HashQueueOptions } from '../../../plugins/passwords/hash-queue.ts'
import { fail, warningsOf } from '../../support/warnings.ts'

const CLIENT_GONE = { code: 'CLIENT_GONE' }

test('a hash queue with two slots runs two hashes at the same time, in the order of arrival', async (t: TestContext) => {
  const queue = new HashQueue({ concurrency: 2, maxWaiting: 10, expectedMs: 1 })
  const begun: number[] = []
  let atOnce = 0
  let most = 0
  const work = (number: number) => async () => {
    begun.push(number)
    most = Math.max(most, ++atOnce)
    await sleep(5)
    atOnce--
    return number
  }
  const results = await Promise.all(Array.from({ length: 8 }, (_, n) => queue.run(work(n))))
  t.assert.deepStrictEqual(results, [0, 1, 2, 3, 4, 5, 6, 7])
  t.assert.deepStrictEqual(begun, results)
  t.assert.strictEqual(most, 2)
  t.assert.deepStrictEqual(queue.load, { running: 0, waiting: 0 })
})

test('a full hash queue refuses at once, and accepts again when a slot is free', async (t: TestContext) => {
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 2 })
  const held = [queue.run(end.passed), queue.run(end.passed), queue.run(end.passed)]
  const start = performance.now()
  await t.assert.rejects(queue.run(end.passed), errors.HASH_CAPACITY)
  t.assert.throws(() => queue.reserve(), errors.HASH_CAPACITY)
  t.assert.ok(performance.now() - start < 100)
  end.now()
  await Promise.all(held)
  t.assert.strictEqual(await queue.run(async () => 'done'), 'done')
})

test('a hash queue whose estimated wait is too long refuses at once, with the time to wait', async (t: TestContext) => {
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 1_000 }, 800)
  const taken = Array.from({ length: 3 }, () => queue.run(end.passed)) // one begins, two wait 1.6 s
  await t.assert.rejects(
    queue.run(end.passed),
    (error: InstanceType<typeof errors.HASH_CAPACITY>) => {
      t.assert.strictEqual(error.code, 'HASH_CAPACITY')
      t.assert.strictEqual(error.retryAfterS, 2)
      return true
    },
  )
  end.now()
  await Promise.all(taken)
})

test('a place that is kept counts as taken until it is used or given up, and its hash is never refused', async (t: TestContext) => {
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 1 })
  const [first, second] = [queue.reserve(), queue.reserve()]
  t.assert.throws(() => queue.reserve(), errors.HASH_CAPACITY)
  await t.assert.rejects(queue.run(end.passed), errors.HASH_CAPACITY)
  const running = [
    queue.run(end.passed, { place: first }),
    queue.run(end.passed, { place: second }),
  ]
  t.assert.deepStrictEqual(queue.load, { running: 1, waiting: 1 })
  first.leave()
  second.leave()
  t.assert.throws(() => queue.reserve(), errors.HASH_CAPACITY)
  end.now()
  await Promise.all(running)

  const unused = queue.reserve()
  unused.leave()
  unused.leave()
  t.assert.strictEqual(queue.state, 'free')
})

test('a hash queue follows the time that hashes take', async (t: TestContext) => {
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 1_000 }, 10_000)
  for (let count = 0; count < 20; count++) await queue.run(async () => undefined)
  const taken = Array.from({ length: 3 }, () => queue.run(end.passed))
  t.assert.strictEqual(queue.state, 'busy', 'the estimate has fallen from 20 s to less than 1.5 s')
  end.now()
  await Promise.all(taken)
})

test('a hash that has waited 2.5 s is refused', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 10 })
  const running = queue.run(end.passed)
  const refused = t.assert.rejects(queue.run(end.passed), errors.HASH_CAPACITY)
  t.mock.timers.tick(2_499)
  t.assert.strictEqual(queue.load.waiting, 1)
  t.mock.timers.tick(1)
  await refused
  t.assert.strictEqual(queue.load.waiting, 0)
  end.now()
  await running
})

test('a hash whose client disconnects leaves the queue, unless it has started', async (t: TestContext) => {
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 10 })
  const client = new AbortController()
  const begun = queue.run(
    async () => {
      await end.passed()
      return 'seen through'
    },
    { signal: client.signal },
  )
  const waits = t.assert.rejects(queue.run(end.passed, { signal: client.signal }), CLIENT_GONE)
  const other = queue.run(async () => 'after them')
  t.assert.deepStrictEqual(queue.load, { running: 1, waiting: 2 })
  client.abort()
  await waits
  t.assert.deepStrictEqual(queue.load, { running: 1, waiting: 1 })
  end.now()
  t.assert.strictEqual(await begun, 'seen through')
  t.assert.strictEqual(await other, 'after them')
  await t.assert.rejects(queue.run(end.passed, { signal: client.signal }), CLIENT_GONE)
})

test('a hash that fails passes its slot on', async (t: TestContext) => {
  const queue = new HashQueue({ concurrency: 1, maxWaiting: 10, expectedMs: 1 })
  const failing = t.assert.rejects(
    queue.run(async () => {
      await nextTurn()
      throw new Error('not a hash')
    }),
    /not a hash/,
  )
  t.assert.strictEqual(await queue.run(async () => 'next'), 'next')
  await failing
  t.assert.deepStrictEqual(queue.load, { running: 0, waiting: 0 })
})

test('a hash whose observer throws, at its start or its end, has its result and passes its slot on', async (t: TestContext) => {
  const warnings = warningsOf(t)
  const queue = new HashQueue({ concurrency: 1, maxWaiting: 10, expectedMs: 1 })
  const ended: string[] = []
  queue.observers.push(
    { onStart: () => () => ended.push('first') },
    { onStart: () => fail('at the start') },
    { onStart: () => () => fail('at the end') },
    { onStart: () => () => ended.push('last') },
  )
  const results = await Promise.all([queue.run(async () => 1), queue.run(async () => 2)])
  t.assert.deepStrictEqual(results, [1, 2])
  t.assert.deepStrictEqual(ended, ['first', 'last', 'first', 'last'])
  t.assert.deepStrictEqual(queue.load, { running: 0, waiting: 0 })
  await nextTurn() // warnings are emitted by then
  t.assert.deepStrictEqual(warnings, ['at the start', 'at the end', 'at the start', 'at the end'])
})

test('a hash queue whose observer throws at a refusal refuses all the same, at once or after the wait', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const warnings = warningsOf(t)
  const { queue, end } = createHeldQueue({ concurrency: 1, maxWaiting: 1 })
  queue.observers.push({ onStart: () => () => undefined, onRefused: () => fail('at a refusal') })
  const running = queue.run(end.passed)
  const waits = t.assert.rejects(queue.run(end.passed), errors.HASH_CAPACITY)
  await t.assert.rejects(queue.run(end.passed), errors.HASH_CAPACITY)
  t.mock.timers.tick(2_500)
  await waits
  end.now()
  await running
  await nextTurn()
  t.assert.deepStrictEqual(warnings, ['at a refusal', 'at a refusal'])
})

/** A queue whose hashes run until `end.now()`. */
function createHeldQueue(options: Omit<HashQueueOptions, 'expectedMs'>, expectedMs = 1) {
  const gate = new EventEmitter()
  const ended = once(gate, 'end')
  return {
    queue: new HashQueue({ ...options, expectedMs }),
    end: { passed: () => ended, now: () => gate.emit('end') },
  }
}
