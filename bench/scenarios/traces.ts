import { createServer } from 'node:http'
import { listenOnLoopback } from '../../test/support/process/listen-on-loopback.ts'
import { reads } from '../load/requests.ts'
import { compare, type Scenario } from '../measure.ts'
import { withServers } from '../servers.ts'

const CONNECTIONS = 64

/**
 * Reads with and without traces, which a collector in this process receives and drops. Two processes
 * of the same program differ: the ratio of the second one without traces shows how much.
 */
export const traces: Scenario = async (context, { small }) => {
  const collector = createServer((request, response) => {
    request.resume().on('end', () => response.end())
  })
  const port = await listenOnLoopback(collector)
  const off = { program: 'gatehouse', url: small.url, cores: context.cores?.server } as const
  const sampling = (ratio: string) => ({
    ...off,
    settings: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: ratio,
    },
  })
  const load = { connections: CONNECTIONS, requests: reads(small) }
  try {
    return await withServers(
      [sampling('1'), sampling('0.01'), off, off],
      ([all, few, other, base]) =>
        compare(
          context,
          [
            { operation: 'read, all traced (ratio: to the last row)', server: all, load },
            { operation: 'read, 1 % traced', server: few, load },
            { operation: 'read, no traces, another process', server: other, load },
          ],
          { operation: 'read, no traces', server: base, load },
        ),
    )
  } finally {
    collector.close()
    collector.closeAllConnections()
  }
}
