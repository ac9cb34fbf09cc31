import { type Capacity, MIN_COST, TARGET_HASH_MS } from './capacity.ts'

const NAME_WIDTH = 16

/** @returns lines for a terminal */
export function describeCapacity(capacity: Capacity): string[] {
  const { suggested, cores, workers } = capacity
  const rows: [string, string][] = [
    ['cores', String(cores)],
    [
      'password hash',
      `${ms(capacity.hashMs)} of processor time at BCRYPT_COST=${capacity.bcryptCost}`,
    ],
    [
      '',
      `${ms(capacity.concurrentMs)} with ${capacity.concurrent} at a time: ${rate(capacity.hashesPerSecond)}`,
    ],
    [
      'logins',
      `${rate(capacity.loginsPerSecond)} with WORKERS=${workers} and HASH_CONCURRENCY=${capacity.hashConcurrency}`,
    ],
    ['request', `${us(capacity.requestUs)} of the server's thread, measured with GET /livez`],
    [
      'lookup',
      `${us(capacity.lookupUs)} of the server; with 64 at a time, each waits ${ms(capacity.lookupMs)} for the database`,
    ],
    [
      'reads',
      `${rate(capacity.readsPerSecondPerCore)} for each core: one request and one lookup each`,
    ],
    [
      '',
      `${rate(capacity.readsPerSecond)} with WORKERS=${workers}, if nothing else uses its cores`,
    ],
    [
      'suggestion',
      `BCRYPT_COST=${suggested.BCRYPT_COST}: the highest with a hash below ${TARGET_HASH_MS} ms, but at least ${MIN_COST}`,
    ],
    [
      '',
      `HASH_CONCURRENCY=${suggested.HASH_CONCURRENCY}: all cores but one, divided among the workers; the default`,
    ],
  ]
  if (suggested.UV_THREADPOOL_SIZE !== undefined) {
    const text = `UV_THREADPOOL_SIZE=${suggested.UV_THREADPOOL_SIZE} in the environment of the server: with fewer threads, it computes fewer hashes at a time`
    rows.push(['', text])
  }
  if (capacity.isBusy) {
    const text = 'other programs use the cores: measure again on a quiet machine for higher rates'
    rows.push(['note', text])
  }
  return rows.map(([name, text]) => `${name.padEnd(NAME_WIDTH)}${text}`)
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

function us(value: number): string {
  return `${value.toFixed(1)} µs`
}

function rate(perSecond: number): string {
  return perSecond < 100
    ? `${perSecond.toFixed(1)} a second`
    : `${Math.round(perSecond / 100) * 100} a second`
}
