import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Repeats an action until it is stopped, or until the end of the test.
 *
 * @returns stops it, and resolves when the last action has ended
 */
export function repeat(t: TestContext, pauseMs: number, act: () => Promise<unknown>) {
  let isStopping = false
  const running = (async () => {
    while (!isStopping) {
      await act()
      await sleep(pauseMs)
    }
  })()
  const stop = async () => {
    isStopping = true
    await running
  }
  t.after(stop)
  return stop
}
