import { until } from '../until.ts'

/** Repeats a request until its response has the status. */
export async function untilStatus(
  request: () => PromiseLike<{ statusCode: number }>,
  status: number,
): Promise<void> {
  let last = 0
  await until(
    async () => {
      last = (await request()).statusCode
      return last === status
    },
    () => `the last response is a ${last}, not a ${status}`,
  )
}
