import { randomBytes, randomUUID } from 'node:crypto'
import { hash } from '@node-rs/bcrypt'
import { eq, sql } from 'drizzle-orm'
import { digest } from '../../../db/digest.ts'
import { type Role, sessions, tokens, users } from '../../../db/schema.ts'
import { type App, TEST_COST } from './build.ts'

export interface Account {
  id: number
  username: string
  password: string
  passwordHash: string
}

/** Inserts an account, which is faster than to register it. */
export async function makeUser(app: App, role: Role = 'user', cost = TEST_COST): Promise<Account> {
  const username = `u-${randomUUID()}`
  const password = `secret of ${randomUUID()}`
  const passwordHash = await hash(password, { cost })
  const row = { username, usernameKey: username, passwordHash, role }
  const [{ insertId: id }] = await app.db.insert(users).values(row)
  return { id, username, password, passwordHash }
}

/** Inserts a service account. */
export async function makeService(
  app: App,
  options: { role?: Role; addressRanges?: string[] } = {},
): Promise<{ id: number; username: string }> {
  const username = `s-${randomUUID()}`
  const row = {
    username,
    usernameKey: username,
    passwordHash: '*',
    kind: 'service',
    ...options,
  } as const
  const [{ insertId: id }] = await app.db.insert(users).values(row)
  return { id, username }
}

/** @returns the value of the `Cookie` header of a new session, which is inserted without a login */
export async function signIn(app: App, { id: userId }: Account): Promise<string> {
  const secretId = randomBytes(24).toString('base64url')
  const expiresAt = sql`CURRENT_TIMESTAMP(3) + INTERVAL 1 HOUR`
  await app.db.insert(sessions).values({ userId, digest: digest(secretId), expiresAt })
  const { name, signer } = app.sessionCookie
  return `${name}=${encodeURIComponent(signer.sign(secretId))}`
}

/** @returns the value of the `Cookie` header of a new admin */
export async function signInAdmin(app: App): Promise<string> {
  return signIn(app, await makeUser(app, 'admin'))
}

/** @returns a new token of the account, which is inserted without the route: its id and its header */
export async function giveToken(
  app: App,
  { id: userId }: Pick<Account, 'id'>,
  options: { scopes?: string[]; expiresAt?: string } = {},
) {
  return storeToken(app, userId, app.tokenFormat.create(), options)
}

/** The same with a token as an earlier version made it, or as the server did with another secret. */
export async function giveOldToken(app: App, { id: userId }: Account) {
  return storeToken(app, userId, `gh_${randomBytes(32).toString('base64url')}`)
}

async function storeToken(app: App, userId: number, secret: string, options = {}) {
  const row = { userId, digest: digest(secret), name: 'made for a test', ...options }
  const [{ insertId }] = await app.db.insert(tokens).values(row)
  return { id: insertId, secret, headers: { authorization: `Bearer ${secret}` } }
}

/** @returns the value of the `Cookie` header for the `Set-Cookie` of a response */
export function cookieOf(response: { cookies: { name: string; value: string }[] }): string {
  return response.cookies
    .map(({ name, value }) => `${name}=${encodeURIComponent(value)}`)
    .join('; ')
}

/** @returns the stored row of the account, or undefined if it is deleted */
export async function storedUser(app: App, id: number) {
  const [row] = await app.db.select().from(users).where(eq(users.id, id))
  return row
}

/** @returns the public ids of the account's stored sessions */
export async function storedSessions(app: App, userId: number): Promise<number[]> {
  const rows = await app.db.select().from(sessions).where(eq(sessions.userId, userId))
  return rows.map(({ id }) => id)
}

/** @returns the ids of the account's stored tokens */
export async function storedTokens(app: App, userId: number): Promise<number[]> {
  const rows = await app.db.select().from(tokens).where(eq(tokens.userId, userId))
  return rows.map(({ id }) => id)
}

/** @returns how many accounts and sessions there are */
export async function countRows(app: App) {
  return { users: await app.db.$count(users), sessions: await app.db.$count(sessions) }
}
