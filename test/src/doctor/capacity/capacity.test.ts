import { type TestContext, test } from 'node:test'
import { estimateCapacity } from '../../../../src/doctor/capacity/capacity.ts'
import { describeCapacity } from '../../../../src/doctor/capacity/describe.ts'

const MEASURED = {
  cores: 8,
  hashMs: 200,
  isBusy: false,
  concurrent: 4,
  concurrentMs: 250,
  hashesPerSecond: 16,
  requestUs: 30,
  lookupUs: 10,
  lookupMs: 1,
}
const SETTINGS = { workers: 1, hashConcurrency: 4, bcryptCost: 12 }

test('reads and logins follow from the measured times, and from the cores in use', (t: TestContext) => {
  const one = estimateCapacity(MEASURED, SETTINGS)
  t.assert.deepStrictEqual(
    [one.loginsPerSecond, one.readsPerSecondPerCore, one.readsPerSecond],
    [16, 25_000, 25_000],
  )
  const all = estimateCapacity(MEASURED, { ...SETTINGS, workers: 16, hashConcurrency: 1 })
  t.assert.deepStrictEqual([all.loginsPerSecond, all.readsPerSecond], [32, 200_000])
})

test('the suggested cost is the highest with a hash below 250 ms, within the allowed ones', (t: TestContext) => {
  const costOf = (hashMs: number, bcryptCost = 12) =>
    estimateCapacity({ ...MEASURED, hashMs }, { ...SETTINGS, bcryptCost }).suggested.BCRYPT_COST
  t.assert.deepStrictEqual(
    [200, 251, 124, 2_000, 1].map((ms) => costOf(ms)),
    [12, 11, 13, 10, 15],
  )
  t.assert.strictEqual(costOf(60, 10), 12)
})

test('the suggested concurrency leaves one core, and is divided among the workers', (t: TestContext) => {
  const hashesOf = (cores: number, workers: number) =>
    estimateCapacity({ ...MEASURED, cores }, { ...SETTINGS, workers }).suggested.HASH_CONCURRENCY
  t.assert.deepStrictEqual(
    [hashesOf(8, 1), hashesOf(8, 2), hashesOf(1, 1), hashesOf(4, 8)],
    [7, 3, 1, 1],
  )
  const lines = describeCapacity(estimateCapacity(MEASURED, { ...SETTINGS, threads: 8 }))
  t.assert.ok(
    lines.includes('reads           25000 a second for each core: one request and one lookup each'),
  )
})

test('the size of the thread pool is suggested only where it limits a server of one process', (t: TestContext) => {
  const poolOf = (cores: number, workers: number, threads: number) =>
    estimateCapacity({ ...MEASURED, cores }, { ...SETTINGS, workers, threads }).suggested
      .UV_THREADPOOL_SIZE
  t.assert.deepStrictEqual(
    [poolOf(8, 1, 4), poolOf(8, 1, 7), poolOf(8, 1, 8), poolOf(4, 1, 4), poolOf(2, 1, 1)],
    [8, 8, undefined, undefined, undefined],
  )
  t.assert.strictEqual(poolOf(16, 2, 4), undefined, 'workers have a pool that is large enough')
  const lines = describeCapacity(estimateCapacity(MEASURED, { ...SETTINGS, threads: 4 }))
  t.assert.match(lines.at(-1) ?? '', /^ {16}UV_THREADPOOL_SIZE=8 in the environment/)
})
