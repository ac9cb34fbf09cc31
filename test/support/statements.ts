import diagnostics from 'node:diagnostics_channel'
import { format, type SqlValue } from 'mysql2'

/** The driver's own channel, on which it tells of each query before it sends it. */
const CHANNEL = 'tracing:mysql2:query:start'

/** Tells what this process asks its databases while something is done: texts with their values. */
export async function statementsDuring<Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; statements: string[] }> {
  const statements: string[] = []
  const record = (message: unknown) => {
    const { query, values } = message as { query: string; values?: SqlValue[] } // as documented
    statements.push(format(query, values ?? []))
  }
  diagnostics.subscribe(CHANNEL, record)
  try {
    return { result: await work(), statements }
  } finally {
    diagnostics.unsubscribe(CHANNEL, record)
  }
}
