import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SECRET } from './database.ts'
import { Unavailable } from './measure.ts'
import type { Server } from './servers.ts'

const FOLDER = fileURLToPath(new URL('peer', import.meta.url))
const INSTALL = [
  'ci',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--prefer-offline',
  '--fetch-retries=1',
]
const INSTALL_TIMEOUT_MS = 300_000
const MAX_OUTPUT_BYTES = 8 * 2 ** 20

/** Two ways to read a session: better-auth's endpoint, and a handler that calls its function. */
export const PATHS = { endpoint: '/api/auth/get-session', handler: '/session' }

/** An account of better-auth, as bench/peer/accounts.mjs prints it. */
export interface Account {
  email: string
  /** The signed token of a session, and the cached session. */
  cookies: [token: string, session: string]
}

/** A server, and the cookies that its clients send. */
export interface Peer {
  server: Server
  cookieOf(account: Account): string
}

export const tokenOf = ({ cookies: [token] }: Account): string => token
export const allCookiesOf = ({ cookies }: Account): string => cookies.join('; ')

/**
 * Installs the packages of bench/peer into that folder.
 *
 * @throws Unavailable if npm fails
 */
export async function installPeer(): Promise<void> {
  try {
    await promisify(execFile)('npm', INSTALL, { cwd: FOLDER, timeout: INSTALL_TIMEOUT_MS })
  } catch (error) {
    const code = /npm error code (\S+)/.exec(String(error))?.[1] ?? 'no error code'
    throw new Unavailable(
      `The scenario peers was not measured, because npm cannot install better-auth (${code}).`,
    )
  }
}

/** Creates tables, and accounts with a session each, in an empty database. */
export async function createAccounts(url: string, count: number): Promise<Account[]> {
  const env = { ...process.env, DATABASE_URL: url, SESSION_SECRET: SECRET, COOKIE_CACHE: 'true' }
  const options = { cwd: FOLDER, env, maxBuffer: MAX_OUTPUT_BYTES }
  const args = ['accounts.mjs', String(count)]
  const { stdout } = await promisify(execFile)(process.execPath, args, options)
  return JSON.parse(stdout)
}

/** @throws Error if a server does not return the user of each account */
export async function checkUsers({ server, cookieOf }: Peer, accounts: Account[]): Promise<void> {
  for (const path of Object.values(PATHS)) {
    for (const account of accounts) {
      const user = await userOf(server, path, cookieOf(account))
      if (user !== account.email) throw new Error(`${path} returns ${user} for ${account.email}`)
    }
  }
}

/**
 * Signs an account out.
 *
 * @throws Error if `stored` still accepts its session, or if `cached` no longer does
 */
export async function checkEnd(stored: Peer, cached: Peer, account: Account): Promise<void> {
  const { url } = stored.server
  const headers = { cookie: tokenOf(account), origin: url }
  const response = await fetch(`${url}/api/auth/sign-out`, { method: 'POST', headers })
  if (!response.ok) throw new Error(`sign-out returns ${response.status}`)
  for (const path of Object.values(PATHS)) {
    const user = await userOf(stored.server, path, stored.cookieOf(account))
    if (user) throw new Error(`${path} returns ${user} after the sign-out`)
  }
  await checkUsers(cached, [account])
}

async function userOf(server: Server, path: string, cookie: string): Promise<string | undefined> {
  const response = await fetch(server.url + path, { headers: { cookie } })
  const session: { user: { email: string } } | null = JSON.parse(await response.text())
  return session?.user.email
}
