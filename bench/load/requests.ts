import { randomBytes } from 'node:crypto'
import type { Accounts } from '../database.ts'
import type { Request } from './types.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
/** More than a run registers. */
const NEW_NAMES = 8_000

export function liveness(): Request[] {
  return [{ method: 'GET', path: '/livez' }]
}

/** Each account has a session of its own, and reads another account. */
export function reads({ cookies, users }: Accounts): Request[] {
  return cookies.map((cookie, index) => ({
    method: 'GET',
    path: `/user/${users[(index + 7) % users.length]?.id}`,
    headers: { cookie },
  }))
}

export function ownAccounts({ cookies }: Accounts): Request[] {
  return cookies.map((cookie) => ({ method: 'GET', path: '/me', headers: { cookie } }))
}

/** The first account is an admin. */
export function lists({ cookies: [cookie = ''] }: Accounts): Request[] {
  return [{ method: 'GET', path: '/users?limit=50', headers: { cookie } }]
}

export function logins({ users, password }: Accounts): Request[] {
  return users.map(({ username }) => post('/login', { username, password }))
}

export function registrations({ password }: Accounts): Request[] {
  const run = randomBytes(6).toString('hex')
  return Array.from({ length: NEW_NAMES }, (_, index) =>
    post('/user', { username: `new-${run}-${index}`, password }),
  )
}

/** Nineteen reads, then one new token, which writes two rows. */
export function mixed(accounts: Accounts): Request[] {
  const all = reads(accounts)
  return accounts.cookies
    .flatMap((cookie, index) => [
      ...Array.from({ length: 19 }, (_, offset) => all[(index * 19 + offset) % all.length]),
      post('/tokens', { name: 'benchmark' }, { cookie }),
    ])
    .filter((request) => request !== undefined)
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Request {
  return { method: 'POST', path, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) }
}
