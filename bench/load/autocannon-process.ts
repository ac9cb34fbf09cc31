// Sends one load with autocannon, as the parent process describes it, and returns the results.
import autocannon from 'autocannon'
import type { Answers, Load } from './types.ts'

process.once('message', async (message) => {
  const { url, connections, seconds, requests, rate } = message as Load & { url: string } // runAutocannon's
  let client = 0
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(rate && { overallRate: rate }),
    // Each connection starts at another request.
    setupClient: (connection) => {
      const start = Math.floor((client++ / connections) * requests.length)
      connection.setRequests([...requests.slice(start), ...requests.slice(0, start)])
    },
  })
  const statuses = Object.entries(result.statusCodeStats ?? {})
  const failed = statuses.filter(([status]) => Number(status) >= 400)
  const answers: Answers = {
    requests: result.requests.total,
    seconds: result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failed: {
      ...Object.fromEntries(failed.map(([status, { count }]) => [status, Number(count)])),
      ...(result.errors > 0 && { 'no answer': result.errors }),
    },
  }
  process.send?.(answers)
})
process.send?.('loaded')
