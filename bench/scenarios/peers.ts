import {
  allCookiesOf,
  checkEnd,
  checkUsers,
  createAccounts,
  installPeer,
  PATHS,
  type Peer,
  tokenOf,
} from '../better-auth.ts'
import { createDatabase, KNOWN } from '../database.ts'
import type { Request } from '../load/load.ts'
import { ownAccounts, reads } from '../load/requests.ts'
import { compare, type Scenario } from '../measure.ts'
import { withServers } from '../servers.ts'

const CONNECTIONS = 64

/** better-auth's read of a session, from its database and from its cookie, beside our reads. */
export const peers: Scenario = async (context, { small }) => {
  const { cores, databaseServer, progress } = context
  progress('installing better-auth')
  await installPeer()
  progress('creating accounts of better-auth')
  const url = await createDatabase(databaseServer, 'peer')
  const accounts = await createAccounts(url, KNOWN + 1)
  const [ended, ...lasting] = accounts

  const ours = { url: small.url, cores: cores?.server }
  const peer = { program: 'better-auth', url, cores: cores?.server } as const
  return withServers(
    [
      { ...ours, program: 'gatehouse' },
      { ...ours, program: 'bare' },
      peer,
      { ...peer, settings: { COOKIE_CACHE: 'true' } },
    ],
    async ([own, bare, plain, caching]) => {
      const stored: Peer = { server: plain, cookieOf: tokenOf }
      const cached: Peer = { server: caching, cookieOf: allCookiesOf }
      progress('checking the responses of better-auth')
      await checkUsers(stored, accounts)
      await checkUsers(cached, accounts)
      if (ended) await checkEnd(stored, cached, ended)

      const side = (operation: string, server: Peer['server'], requests: Request[]) => ({
        operation,
        server,
        load: { connections: CONNECTIONS, requests },
      })
      const sessions = (operation: string, { server, cookieOf }: Peer, path: string) => {
        const requests = lasting.map((account) => ({ cookie: cookieOf(account) }))
        return side(
          `better-auth, ${operation}`,
          server,
          requests.map((headers) => ({ method: 'GET', path, headers })),
        )
      }
      return compare(
        context,
        [
          side('me', own, ownAccounts(small)),
          side('read', own, reads(small)),
          sessions('endpoint', stored, PATHS.endpoint),
          sessions('function', stored, PATHS.handler),
          sessions('endpoint, cookie cache (accepts ended sessions)', cached, PATHS.endpoint),
          sessions('function, cookie cache (accepts ended sessions)', cached, PATHS.handler),
        ],
        side('bare Fastify', bare, reads(small)),
      )
    },
  )
}
