import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import { hash } from '@node-rs/bcrypt'
import { createConnection } from 'mysql2/promise'
import { digest } from '../db/digest.ts'
import { migrateDatabase } from '../src/settle.ts'

export const SECRET = 'a secret that the benchmark alone signs with'
export const PASSWORD = 'a wind from the old harbour'
export const COST = 10

/** Accounts and sessions that the load knows. */
const KNOWN = 512
const FAR_AHEAD = new Date(Date.now() + 7 * 86_400_000)
/** In one statement: below the size of a packet. */
const ROWS_AT_ONCE = 5_000

export interface Accounts {
  url: string
  /** Of the accounts 1, 2 and so on. */
  names: string[]
  /** The values of the `Cookie` header of their sessions. */
  cookies: string[]
}

/**
 * Makes a database on the server, with so many accounts and a session of each. The first ones are
 * known to the load; the password of all is PASSWORD, hashed by COST.
 */
export async function fillDatabase(server: string, name: string, rows: number): Promise<Accounts> {
  const root = await createConnection(server)
  await root.query(`CREATE DATABASE ${name}`)
  await root.end()
  const url = new URL(server)
  url.pathname = `/${name}`
  await migrateDatabase(url.href)

  const connection = await createConnection(url.href)
  const passwordHash = await hash(PASSWORD, { cost: COST })
  const secrets = Array.from({ length: KNOWN }, () => randomBytes(24).toString('base64url'))
  const known = secrets.map((secret, index) => ({ name: nameOf(index), digest: digest(secret) }))
  for (let made = 0; made < Math.max(rows, KNOWN); made += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows - made)
    const others = Array.from({ length: count }, (_, index) => ({
      name: nameOf(made + index),
      digest: randomBytes(32),
    }))
    const batch = made === 0 ? [...known, ...others.slice(KNOWN)] : others
    await connection.query(
      'INSERT INTO users (id, username, username_key, password_hash) VALUES ?',
      [batch.map(({ name }, index) => [made + index + 1, name, name, passwordHash])],
    )
    await connection.query(
      'INSERT INTO sessions (digest, user_id, last_seen_at, expires_at) VALUES ?',
      [batch.map((row, index) => [row.digest, made + index + 1, new Date(), FAR_AHEAD])],
    )
  }
  await connection.query("UPDATE users SET role = 'admin' WHERE id = 1")
  await connection.query('ANALYZE TABLE users, sessions')
  await connection.end()

  const signer = new cookie.Signer([SECRET])
  return {
    url: url.href,
    names: known.map((account) => account.name),
    cookies: secrets.map((secret) => `session=${encodeURIComponent(signer.sign(secret))}`),
  }
}

function nameOf(index: number): string {
  return `user-${index + 1}`
}
