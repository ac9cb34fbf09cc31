import { randomBytes } from 'node:crypto'
import type { Accounts } from './database.ts'
import type { Request } from './load.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
/** New names for each connection. There must be enough for a whole run. */
const NEW_NAMES = 500

/** Each connection has a session of its own, and reads another account. */
export function reads({ cookies, users }: Accounts): Request[][] {
  return cookies.map((cookie, index) => [
    { method: 'GET', path: `/user/${users[(index + 7) % users.length]?.id}`, headers: { cookie } },
  ])
}

export function ownAccounts({ cookies }: Accounts): Request[][] {
  return cookies.map((cookie) => [{ method: 'GET', path: '/me', headers: { cookie } }])
}

/** The first account is an admin. */
export function lists({ cookies: [cookie = ''] }: Accounts): Request[][] {
  return [[{ method: 'GET', path: '/users?limit=50', headers: { cookie } }]]
}

export function logins({ users, password }: Accounts): Request[][] {
  return users.map(({ username }) => [post('/login', { username, password })])
}

export function registrations({ password }: Accounts, connections: number): Request[][] {
  const run = randomBytes(6).toString('hex')
  return Array.from({ length: connections }, (_, connection) =>
    Array.from({ length: NEW_NAMES }, (_, index) =>
      post('/user', { username: `new-${run}-${connection}-${index}`, password }),
    ),
  )
}

/** Nineteen reads, then one new token, which writes two rows. */
export function mixed(accounts: Accounts): Request[][] {
  return reads(accounts).map((list, index) => {
    const cookie = accounts.cookies[index] ?? ''
    const write = post('/tokens', { name: 'benchmark' }, { cookie })
    return [...Array.from({ length: 19 }, () => list).flat(), write]
  })
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Request {
  return { method: 'POST', path, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) }
}
