import { flood, hashed } from './hash-scenarios.ts'
import { lists, logins, mixed, ownAccounts, reads, registrations } from './loads.ts'
import { compare, type Row, run, type Scenario, toRow } from './measure.ts'
import { withServers } from './servers.ts'

const CONNECTIONS = 64

/** The names that `--only` takes, in the order of the runs. */
export const SCENARIOS: Record<string, Scenario> = {
  read: async (context, { small }) => {
    const server = { program: 'gatehouse', url: small.url, cores: context.cores?.server } as const
    return withServers([server, { ...server, program: 'bare' }], async ([own, bare]) => {
      const rows: Row[] = []
      for (const connections of [1, CONNECTIONS, 256]) {
        const load = { connections, requests: reads(small) }
        const named = `${connections} connection${connections > 1 ? 's' : ''}`
        const subject = { operation: `read, ${named}`, server: own, load }
        const base = { operation: `bare Fastify, ${named}`, server: bare, load }
        rows.push(...(await compare(context, subject, base)))
      }
      return rows
    })
  },
  ordinary: againstBare('ordinary read', reads, 'ordinary'),
  me: againstBare('me', ownAccounts),
  list: againstBare('list of 50 users', lists),
  mixed: againstBare('95 % reads, 5 % new tokens', mixed),
  login: hashed('login', logins),
  register: hashed('register', registrations),
  flood,

  large: async (context, databases) => {
    const { small } = databases
    const many = await databases.large()
    const server = { program: 'gatehouse', url: small.url, cores: context.cores?.server } as const
    return withServers([{ ...server, url: many.url }, server], ([large, few]) =>
      compare(
        context,
        {
          operation: 'read, large tables (ratio: to small)',
          server: large,
          load: { connections: CONNECTIONS, requests: reads(many) },
        },
        {
          operation: 'read, small tables',
          server: few,
          load: { connections: CONNECTIONS, requests: reads(small) },
        },
      ),
    )
  },

  workers: async (context, { small }) => {
    const server = { program: 'gatehouse', url: small.url, cores: context.cores?.wide } as const
    const load = { connections: CONNECTIONS, requests: reads(small) }
    return withServers([{ ...server, settings: { WORKERS: '2' } }, server], ([two, one]) =>
      compare(
        context,
        { operation: 'read, two workers (ratio: to one)', server: two, load },
        { operation: 'read, one process on the same cores', server: one, load },
      ),
    )
  },
}

/** Reads for several minutes, to show whether memory grows. */
export function soak(minutes: number): Scenario {
  return async (context, { small }) => {
    const server = { program: 'gatehouse', url: small.url, cores: context.cores?.server } as const
    return withServers([server], async ([own]) => {
      const load = { connections: CONNECTIONS, requests: reads(small) }
      const rows: Row[] = []
      for (let minute = 1; minute <= minutes; minute++) {
        context.progress(`soak: minute ${minute} of ${minutes}`)
        const figures = await run(context, { server: own, load }, 60)
        rows.push(toRow(`soak, minute ${minute}`, [figures]))
      }
      return rows
    })
  }
}

/** A scenario with one load and 64 connections. Its ratio is to reads of bare Fastify. */
function againstBare(
  operation: string,
  requests: typeof reads,
  program: 'gatehouse' | 'ordinary' = 'gatehouse',
): Scenario {
  return async (context, { small }) => {
    const server = { program, url: small.url, cores: context.cores?.server }
    return withServers([server, { ...server, program: 'bare' }], async ([own, bare]) => {
      const load = { connections: CONNECTIONS, requests: requests(small) }
      const subject = { operation, server: own, load }
      const base = { operation, server: bare, load: { ...load, requests: reads(small) } }
      const [row] = await compare(context, subject, base)
      return [row]
    })
  }
}
