import type { BatchLimits } from './batch.ts'

/**
 * Of sessions, accounts and tokens whose check is right. One batch at a time: the longer a query takes, the more requests share the next one, and the
 * less each request costs on both servers.
 */
export const LIMITS: BatchLimits = {
  maxKeys: 512,
  maxRunning: 1,
  maxWaiting: 10_000,
  deadlineMs: 2_000,
}

/**
 * Of tokens without a right check: old ones, and made-up ones. A flood of made-up tokens fills this
 * queue alone. A request that finds it full gets a 503, and an old token is accepted on a retry.
 */
export const UNVERIFIED_LIMITS: BatchLimits = {
  maxKeys: 128,
  maxRunning: 1,
  maxWaiting: 512,
  deadlineMs: 2_000,
}
