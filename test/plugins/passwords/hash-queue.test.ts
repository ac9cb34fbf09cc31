import { EventEmitter, once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { errors } from '../../../plugins/errors/errors.ts'
import { ClientGone, createHashLane } from '../../../plugins/passwords/hash-queue.ts'

test('a lane, wanted by many, runs as many at once as it may, in the order in which they came', async (t: TestContext) => {
  const lane = createHashLane({ concurrency: 2, maxWaiting: 10 })
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
  const results = await Promise.all(Array.from({ length: 8 }, (_, n) => lane.run(work(n))))
  t.assert.deepStrictEqual(results, [0, 1, 2, 3, 4, 5, 6, 7])
  t.assert.deepStrictEqual(begun, results)
  t.assert.strictEqual(most, 2)
  t.assert.deepStrictEqual(lane.load, { running: 0, waiting: 0 })
})

test('a lane, whose queue is full, refuses at once, and takes more as soon as there is room', async (t: TestContext) => {
  const { lane, end } = createHeldLane({ concurrency: 1, maxWaiting: 2 })
  const held = [lane.run(end.passed), lane.run(end.passed), lane.run(end.passed)]
  const start = performance.now()
  await t.assert.rejects(lane.run(end.passed), errors.HASH_CAPACITY)
  t.assert.throws(() => lane.assertRoom(), errors.HASH_CAPACITY)
  t.assert.ok(performance.now() - start < 100)
  end.now()
  await Promise.all(held)
  t.assert.strictEqual(await lane.run(async () => 'done'), 'done')
})

test('a lane, in which the turn would come too late, refuses at once and tells when there is room', async (t: TestContext) => {
  const { lane, end } = createHeldLane({ concurrency: 1, maxWaiting: 1_000 })
  await lane.run(() => sleep(1_100)) // by which it knows how long a hash takes
  const taken = Array.from({ length: 6 }, () => lane.run(end.passed)) // one begins, five wait 5.5 s
  await t.assert.rejects(
    lane.run(end.passed),
    (error: InstanceType<typeof errors.HASH_CAPACITY>) => {
      t.assert.strictEqual(error.code, 'HASH_CAPACITY')
      t.assert.strictEqual(error.retryAfterS, 6)
      return true
    },
  )
  end.now()
  await Promise.all(taken)
})

test('a hash that waited for 5 s, since those before it hang, is refused', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { lane, end } = createHeldLane({ concurrency: 1, maxWaiting: 10 })
  const running = lane.run(end.passed)
  const refused = t.assert.rejects(lane.run(end.passed), errors.HASH_CAPACITY)
  t.mock.timers.tick(4_999)
  t.assert.strictEqual(lane.load.waiting, 1)
  t.mock.timers.tick(1)
  await refused
  t.assert.strictEqual(lane.load.waiting, 0)
  end.now()
  await running
})

test('a hash, whose client hangs up while it waits, is taken out; one that has begun is seen through', async (t: TestContext) => {
  const { lane, end } = createHeldLane({ concurrency: 1, maxWaiting: 10 })
  const client = new AbortController()
  const begun = lane.run(async () => {
    await end.passed()
    return 'seen through'
  }, client.signal)
  const waits = t.assert.rejects(lane.run(end.passed, client.signal), ClientGone)
  const other = lane.run(async () => 'after them')
  t.assert.deepStrictEqual(lane.load, { running: 1, waiting: 2 })
  client.abort()
  await waits
  t.assert.deepStrictEqual(lane.load, { running: 1, waiting: 1 })
  end.now()
  t.assert.strictEqual(await begun, 'seen through')
  t.assert.strictEqual(await other, 'after them')
  await t.assert.rejects(lane.run(end.passed, client.signal), ClientGone)
})

test('a hash that fails gives its place to the next', async (t: TestContext) => {
  const lane = createHashLane({ concurrency: 1, maxWaiting: 10 })
  const failing = t.assert.rejects(
    lane.run(async () => {
      await nextTurn()
      throw new Error('not a hash')
    }),
    /not a hash/,
  )
  t.assert.strictEqual(await lane.run(async () => 'next'), 'next')
  await failing
  t.assert.deepStrictEqual(lane.load, { running: 0, waiting: 0 })
})

/** A lane, and what its hashes wait for. */
function createHeldLane(options: Parameters<typeof createHashLane>[0]) {
  const gate = new EventEmitter()
  const ended = once(gate, 'end')
  return {
    lane: createHashLane(options),
    end: { passed: () => ended, now: () => gate.emit('end') },
  }
}
