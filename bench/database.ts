import { hash } from '@node-rs/bcrypt'
import { sql } from 'drizzle-orm'
import { createConnection } from 'mysql2/promise'
import { closeDatabase, openDatabase } from '../db/client.ts'
import { digest } from '../db/digest.ts'
import { tokens, users as usersTable } from '../db/schema.ts'
import { createTokenFormat } from '../plugins/auth/token-format.ts'
import { deriveKeys, TOKEN_KEY_PURPOSE } from '../src/config/keys.ts'
import { migrateDatabase } from '../src/config/resolve.ts'
import { createSeedSecrets, type SeededUser, storeSeed } from '../src/seed/data.ts'

export const SECRET = 'a secret that only the benchmark uses'
export const COST = 10

/** How many accounts and sessions the load uses. */
export const KNOWN = 512
const SEED = 1
/** In one statement. */
const BATCH_ROWS = 500
const SETTINGS = { SESSION_SECRET: SECRET, COOKIE_SECURE: false, SESSION_LIFETIME: 7 * 86_400 }

export interface Accounts {
  /** The URL of the database. */
  url: string
  /** The first one is an admin. */
  users: SeededUser[]
  /** The password of all accounts. */
  password: string
  /** Values of the `Cookie` header, one for each account. */
  cookies: string[]
}

export interface Tokens {
  /** The header of a service that may inspect credentials. */
  caller: Record<string, string>
  secrets: string[]
}

/**
 * Creates a database with accounts and one session each, as `gatehouse seed` does. The load uses
 * the first ones.
 *
 * @param server the URL of a database server
 * @param rows how many accounts
 */
export async function fillDatabase(server: string, name: string, rows: number): Promise<Accounts> {
  const url = await createDatabase(server, name)
  await migrateDatabase(url)

  const secrets = createSeedSecrets(SEED, SETTINGS)
  const passwordHash = await hash(secrets.password, { cost: COST })
  const count = Math.max(rows, KNOWN)
  const plan = { seed: SEED, users: count, sessions: count, tokens: 0 }
  const users: SeededUser[] = []
  const cookies: string[] = []
  const db = openDatabase(url, { connections: 1 })
  for await (const batch of storeSeed(db, plan, SETTINGS, secrets, passwordHash)) {
    if (batch.kind === 'users') users.push(...batch.rows.slice(0, KNOWN - users.length))
    else cookies.push(...batch.rows.slice(0, KNOWN - cookies.length).map(({ secret }) => secret))
  }
  await db.execute(sql`UPDATE users SET role = 'admin' WHERE id = ${users[0]?.id}`)
  await closeDatabase(db)
  return { url, users, password: secrets.password, cookies }
}

/**
 * Stores tokens of the known accounts, and a service that may inspect them.
 *
 * @returns the tokens, and the header of the service
 */
export async function fillTokens({ url, users }: Accounts, count: number): Promise<Tokens> {
  const format = createTokenFormat(deriveKeys([SECRET], TOKEN_KEY_PURPOSE))
  const db = openDatabase(url, { connections: 1 })
  const [{ insertId: userId }] = await db.insert(usersTable).values({
    ...{ username: 'bench', usernameKey: 'bench', passwordHash: '*' },
    kind: 'service',
  })
  const secret = format.create()
  const service = { userId, digest: digest(secret), name: 'bench', scopes: ['introspect'] }
  await db.insert(tokens).values(service)
  const secrets = Array.from({ length: count }, () => format.create())
  for (let start = 0; start < count; start += BATCH_ROWS) {
    const rows = secrets.slice(start, start + BATCH_ROWS).map((each, index) => ({
      ...{ userId: users[index % users.length]?.id ?? 0, digest: digest(each) },
      ...{ name: 'bench', scopes: ['orders:read'] },
    }))
    await db.insert(tokens).values(rows)
  }
  await closeDatabase(db)
  return { caller: { authorization: `Bearer ${secret}` }, secrets }
}

/** @returns the URL of the new, empty database */
export async function createDatabase(server: string, name: string): Promise<string> {
  const root = await createConnection(server)
  await root.query(`CREATE DATABASE ${name}`)
  await root.end()
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
