// Sends one load with autocannon, as the parent process describes it, and returns the results.
import autocannon from 'autocannon'
import type { Answers, Load } from './load.ts'

process.once('message', async (message) => {
  const { url, connections, seconds, requests, rate } = message as Load & { url: string } // drive's
  let client = 0
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(rate && { overallRate: rate }),
    setupClient: (connection) => {
      connection.setRequests(requests[client++ % requests.length] ?? [])
    },
  })
  const statuses = Object.entries(result.statusCodeStats ?? {})
  const answers: Answers = {
    requests: result.requests.total,
    seconds: result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    statuses: Object.fromEntries(statuses.map(([status, { count }]) => [status, Number(count)])),
    errors: result.errors,
  }
  process.send?.(answers)
})
process.send?.('loaded')
