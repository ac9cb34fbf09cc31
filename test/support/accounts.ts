import { randomBytes, randomUUID } from 'node:crypto'
import { hash } from '@node-rs/bcrypt'
import { eq } from 'drizzle-orm'
import { sessions, users } from '../../db/schema.ts'
import { openSession } from '../../db/sessions.ts'
import { insertUser, type Role } from '../../db/users.ts'
import { type App, TEST_COST } from './build.ts'

export interface Account {
  id: number
  username: string
  password: string
  passwordHash: string
}

/** A row of its own for each test, in the table itself: a quick way past registration. */
export async function makeUser(app: App, role: Role = 'user', cost = TEST_COST): Promise<Account> {
  const username = `u-${randomUUID()}`
  const password = `secret of ${randomUUID()}`
  const passwordHash = await hash(password, { cost })
  const user = await insertUser(app.db, { username, passwordHash, role })
  if (!user) throw new Error(`${username} exists`)
  return { id: user.id, username, password, passwordHash }
}

/** @returns the value of the `Cookie` header of a new session, made past the login */
export async function signIn(app: App, account: Account): Promise<string> {
  const secretId = randomBytes(24).toString('base64url')
  await openSession(app.db, secretId, {
    userId: account.id,
    passwordHash: account.passwordHash,
    lifetimeMs: 60_000,
    address: undefined,
    userAgent: undefined,
  })
  const { name, signer } = app.sessionCookie
  return `${name}=${encodeURIComponent(signer.sign(secretId))}`
}

/** @returns the value for the `Cookie` header from an answer's `Set-Cookie` */
export function cookieOf(response: { cookies: { name: string; value: string }[] }): string {
  return response.cookies
    .map(({ name, value }) => `${name}=${encodeURIComponent(value)}`)
    .join('; ')
}

/** @returns the account's row as it is stored, or undefined once it is gone */
export async function storedUser(app: App, id: number) {
  const [row] = await app.db.select().from(users).where(eq(users.id, id))
  return row
}

/** @returns the public ids of the account's stored sessions */
export async function storedSessions(app: App, userId: number): Promise<number[]> {
  const rows = await app.db.select().from(sessions).where(eq(sessions.userId, userId))
  return rows.map(({ id }) => id)
}

/** @returns how many rows each table has */
export async function countRows(app: App) {
  return { users: await app.db.$count(users), sessions: await app.db.$count(sessions) }
}
