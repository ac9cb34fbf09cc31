import { freezeStatistics, setStatistics } from '../../test/support/database/statistics.ts'
import { type Accounts, fillDatabase } from '../database.ts'
import { liveness, ownAccounts, reads as readsOf } from '../load/requests.ts'
import {
  type Context,
  compare,
  type Row,
  run,
  type Scenario,
  type Side,
  toRow,
} from '../measure.ts'
import { type ServerOptions, withServers } from '../servers.ts'

const CONNECTIONS = 64
const PACED = { connections: 8, rate: 2_000 }
/** Enough rows for a scan of the table to show in the figures. */
const ROWS_WITHOUT_STATISTICS = 100_000

/** What most requests cost, beside bare Fastify and beside a straightforward implementation. */
export const reads: Scenario = (context, { small }) => {
  const server = serverOf(context, small)
  const logging = { ...server, settings: { LOG_LEVEL: 'info' } }
  return withServers(
    [server, logging, { ...server, program: 'ordinary' }, { ...server, program: 'bare' }],
    ([own, logged, ordinary, bare]) => {
      const load = { connections: CONNECTIONS, requests: readsOf(small) }
      return compare(
        context,
        [
          { operation: 'liveness', server: own, load: { ...load, requests: liveness() } },
          { operation: 'me', server: own, load: { ...load, requests: ownAccounts(small) } },
          { operation: 'read', server: own, load },
          { operation: 'read, each request logged to a file', server: logged, load },
          { operation: 'ordinary read', server: ordinary, load },
        ],
        { operation: 'bare Fastify', server: bare, load },
      )
    },
  )
}

/** Reads with few and with many connections. */
export const connections: Scenario = async (context, { small }) => {
  const rows: Row[] = []
  for (const count of [1, 256]) {
    const load = { connections: count, requests: readsOf(small) }
    const named = `${count} connection${count > 1 ? 's' : ''}`
    rows.push(...(await againstBareWith(context, small, named, load)))
  }
  return rows
}

/** Reads at a rate that leaves the server idle most of the time. */
export const paced: Scenario = (context, { small }) => {
  const named = `${PACED.connections} connections, ${PACED.rate} a second`
  return againstBareWith(context, small, named, { ...PACED, requests: readsOf(small) })
}

function againstBareWith(
  context: Context,
  accounts: Accounts,
  named: string,
  load: Side['load'],
): Promise<Row[]> {
  const server = serverOf(context, accounts)
  return withServers([server, { ...server, program: 'bare' }], ([own, bare]) =>
    compare(context, [{ operation: `read, ${named}`, server: own, load }], {
      operation: `bare Fastify, ${named}`,
      server: bare,
      load,
    }),
  )
}

/** Reads while the database takes its large tables for empty. */
export const statistics: Scenario = async (context) => {
  const { databaseServer, progress } = context
  progress(`filling two databases with ${ROWS_WITHOUT_STATISTICS} rows`)
  const normal = await fillDatabase(databaseServer, 'counted', ROWS_WITHOUT_STATISTICS)
  const empty = await fillDatabase(databaseServer, 'uncounted', ROWS_WITHOUT_STATISTICS)
  await freezeStatistics(empty.url)
  await setStatistics(empty.url, 0)
  return compareAccounts(context, ['read, statistics of an empty table', empty], ['read', normal])
}

/** Reads with a million accounts and sessions. */
export const large: Scenario = async (context, { small, large }) =>
  compareAccounts(context, ['read, large tables', await large()], ['read, small tables', small])

function compareAccounts(
  context: Context,
  [operation, accounts]: [string, Accounts],
  [baseOperation, baseAccounts]: [string, Accounts],
): Promise<Row[]> {
  const options = [serverOf(context, accounts), serverOf(context, baseAccounts)] as const
  return withServers(options, ([server, base]) =>
    compare(
      context,
      [{ operation: `${operation} (ratio: to the next row)`, server, load: loadOf(accounts) }],
      {
        operation: baseOperation,
        server: base,
        load: loadOf(baseAccounts),
      },
    ),
  )
}

export const workers: Scenario = (context, { small }) => {
  const server = { ...serverOf(context, small), cores: context.cores?.wide }
  const load = loadOf(small)
  return withServers([{ ...server, settings: { WORKERS: '2' } }, server], ([two, one]) =>
    compare(
      context,
      [{ operation: 'read, two workers (ratio: to the next row)', server: two, load }],
      { operation: 'read, one process on the same cores', server: one, load },
    ),
  )
}

/**
 * Reads with and without metrics. Two processes of the same program differ, so there are two of each:
 * the ratio of the second one without metrics shows how much.
 */
export const metrics: Scenario = (context, { small }) => {
  const off = serverOf(context, small)
  const on = { ...off, settings: { METRICS_PORT: '0' } }
  const load = loadOf(small)
  return withServers([on, off, on, off], ([first, other, second, base]) =>
    compare(
      context,
      [
        { operation: 'read, metrics on (ratio: to the last row)', server: first, load },
        { operation: 'read, metrics off, another process', server: other, load },
        { operation: 'read, metrics on, another process', server: second, load },
      ],
      { operation: 'read, metrics off', server: base, load },
    ),
  )
}

/** Reads for several minutes, to show whether memory grows. */
export function soak(minutes: number): Scenario {
  return (context, { small }) =>
    withServers([serverOf(context, small)], async ([server]) => {
      const rows: Row[] = []
      for (let minute = 1; minute <= minutes; minute++) {
        context.progress(`soak: minute ${minute} of ${minutes}`)
        const figures = await run(context, { server, load: loadOf(small) }, 60)
        rows.push(toRow(`soak, minute ${minute}`, [figures]))
      }
      return rows
    })
}

/** A scenario with one load. Its ratio is to reads of bare Fastify. */
export function againstBare(operation: string, requests: typeof readsOf): Scenario {
  return async (context, { small }) => {
    const server = serverOf(context, small)
    return withServers([server, { ...server, program: 'bare' }], async ([own, bare]) => {
      const load = { ...loadOf(small), requests: requests(small) }
      const base = { operation: 'bare Fastify', server: bare, load: loadOf(small) }
      return (await compare(context, [{ operation, server: own, load }], base)).slice(0, 1)
    })
  }
}

function loadOf(accounts: Accounts) {
  return { connections: CONNECTIONS, requests: readsOf(accounts) }
}

export function serverOf({ cores }: Context, { url }: Accounts): ServerOptions {
  return { program: 'gatehouse', url, cores: cores?.server }
}
