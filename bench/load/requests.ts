import { randomBytes } from 'node:crypto'
import type { Accounts, Tokens } from '../database.ts'
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

/** As a proxy sends them. */
export function verifications({ cookies }: Accounts): Request[] {
  return cookies.map((cookie) => ({ method: 'GET', path: '/verify', headers: { cookie } }))
}

/** Each request inspects another token. */
export function inspections({ caller, secrets }: Tokens): Request[] {
  const headers = { ...caller, 'content-type': 'application/x-www-form-urlencoded' }
  return secrets.map((token) => ({
    method: 'POST',
    path: '/introspect',
    headers,
    body: `token=${token}`,
  }))
}

/** Each request inspects the next credentials, of any kind. */
export function batchOf({ caller }: Tokens, secrets: string[], size: number): Request[] {
  return Array.from({ length: Math.ceil(secrets.length / size) }, (_, index) => {
    const start = Math.min(index * size, secrets.length - size)
    const credentials = secrets.slice(start, start + size).map((token) => ({ token }))
    return post('/introspect/batch', { credentials }, caller)
  })
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
