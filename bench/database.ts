import { hash } from '@node-rs/bcrypt'
import { sql } from 'drizzle-orm'
import { createConnection } from 'mysql2/promise'
import { closeDatabase, openDatabase } from '../db/client.ts'
import { migrateDatabase } from '../src/config/resolve.ts'
import { createSeedSecrets, type SeededUser, storeSeed } from '../src/seed/data.ts'

export const SECRET = 'a secret that only the benchmark uses'
export const COST = 10

/** How many accounts and sessions the load uses. */
export const KNOWN = 512
const SEED = 1
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

/** @returns the URL of the new, empty database */
export async function createDatabase(server: string, name: string): Promise<string> {
  const root = await createConnection(server)
  await root.query(`CREATE DATABASE ${name}`)
  await root.end()
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
