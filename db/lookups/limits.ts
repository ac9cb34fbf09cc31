import type { BatchLimits } from './batch.ts'

/**
 * One batch at a time: the longer a query takes, the more requests share the next one, and the
 * less each request costs on both servers.
 */
export const LIMITS: BatchLimits = {
  maxKeys: 512,
  maxRunning: 1,
  maxWaiting: 10_000,
  deadlineMs: 2_000,
}
