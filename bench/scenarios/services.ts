import { fillTokens, type Tokens } from '../database.ts'
import { batchOf, inspections, ownAccounts, verifications } from '../load/requests.ts'
import { compare, type Scenario } from '../measure.ts'
import { withServers } from '../servers.ts'
import { serverOf } from './reads.ts'

const CONNECTIONS = 64
const BATCH = 100
/** More tokens than the server keeps the signatures of. */
const MANY = 30_000

/** What a reverse proxy adds to each request. */
export const verify: Scenario = (context, { small }) =>
  withServers([serverOf(context, small)], ([server]) => {
    const load = { connections: CONNECTIONS }
    return compare(
      context,
      [
        {
          operation: 'verify (ratio: to the next row)',
          server,
          load: { ...load, requests: verifications(small) },
        },
      ],
      { operation: 'me', server, load: { ...load, requests: ownAccounts(small) } },
    )
  })

/** Credentials that another service sends, one by one and in batches. */
export const introspect: Scenario = async (context, { small }) => {
  context.progress('storing tokens')
  const tokens = await fillTokens(small, MANY)
  const few: Tokens = { ...tokens, secrets: tokens.secrets.slice(0, 5_000) }
  return withServers([serverOf(context, small)], async ([server]) => {
    const load = { connections: CONNECTIONS }
    const batches = { connections: 8 }
    const sides = [
      { operation: 'introspect', load: { ...load, requests: inspections(few) }, credentials: 1 },
      {
        operation: 'introspect, 100 tokens',
        load: { ...batches, requests: batchOf(few, few.secrets, BATCH) },
        credentials: BATCH,
      },
      {
        operation: 'introspect, 100 tokens of 30,000',
        load: { ...batches, requests: batchOf(tokens, tokens.secrets, BATCH) },
        credentials: BATCH,
      },
      {
        operation: 'introspect, 100 sessions',
        load: { ...batches, requests: batchOf(tokens, small.cookies.map(cookieValue), BATCH) },
        credentials: BATCH,
      },
    ]
    const base = {
      operation: 'me',
      server,
      load: { ...load, requests: ownAccounts(small) },
    }
    const rows = await compare(
      context,
      sides.map(({ operation, load }) => ({ operation, server, load })),
      base,
    )
    return rows.map((row, index) => {
      const credentials = sides[index]?.credentials
      return credentials === undefined ? row : { ...row, credentials }
    })
  })
}

/** The value of a cookie. */
function cookieValue(pair: string): string {
  return pair.slice(pair.indexOf('=') + 1)
}
