import diagnostics from 'node:diagnostics_channel'
import { format, type SqlValue } from 'mysql2'

/** The channel on which the driver publishes each query before it sends it. */
const CHANNEL = 'tracing:mysql2:query:start'

/**
 * Records the queries of this process while `work` runs, with their values.
 *
 * @param each is called with each of them, before it is sent
 */
export async function statementsDuring<Result>(
  work: () => Promise<Result>,
  each: (statement: string) => void = () => undefined,
): Promise<{ result: Result; statements: string[] }> {
  const statements: string[] = []
  const record = (message: unknown) => {
    const { query, values } = message as { query: string; values?: SqlValue[] } // as documented
    const statement = format(query, values ?? [])
    statements.push(statement)
    each(statement)
  }
  diagnostics.subscribe(CHANNEL, record)
  try {
    return { result: await work(), statements }
  } finally {
    diagnostics.unsubscribe(CHANNEL, record)
  }
}
