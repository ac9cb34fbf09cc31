import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 5
/** Far longer than a busy machine takes: only a condition that never holds reaches it. */
const TIMEOUT_MS = 30_000

/**
 * Waits until a condition holds.
 *
 * @param describe says what was found instead
 * @throws Error if it does not hold within 30 s
 */
export async function until(
  isMet: () => boolean | Promise<boolean>,
  describe: () => string,
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS
  while (!(await isMet())) {
    if (Date.now() > deadline) throw new Error(describe())
    await sleep(POLL_MS)
  }
}
