import type { BatchLimits } from './batch.ts'

/**
 * For sessions, accounts, and tokens with a valid MAC. One batch at a time: the longer a query takes,
 * the more requests share the next one, and the less each request costs on both servers.
 */
export const LIMITS: BatchLimits = {
  maxSize: 256,
  maxRunning: 1,
  maxWaiting: 10_000,
  deadlineMs: 2_000,
}

/**
 * For tokens without a valid MAC: those of earlier versions, and forged ones. A flood of forged tokens
 * fills this queue alone. A request that finds it full gets a 503, and can be repeated.
 */
export const UNVERIFIED_LIMITS: BatchLimits = {
  maxSize: 128,
  maxRunning: 1,
  maxWaiting: 512,
  deadlineMs: 2_000,
}

/**
 * For credentials that other services send. A flood of them, valid or not, fills this queue alone and
 * does not delay the callers of other operations.
 */
export const INSPECTION_LIMITS: BatchLimits = {
  maxSize: 256,
  maxRunning: 1,
  maxWaiting: 10_000,
  deadlineMs: 2_000,
}
