import { eq } from 'drizzle-orm'
import { digest } from '../../../db/digest.ts'
import { events, importedUsers, type Role, usedCookies } from '../../../db/schema.ts'
import { signFlaskCookie } from '../flask-cookies.ts'
import { type Account, makeUser } from './accounts.ts'
import type { App } from './build.ts'

export const FLASK_KEY = 'the key of the Flask service'

/** Settings with which cookies of the Flask service are exchanged. */
export const EXCHANGE = { FLASK_SECRET_KEY: FLASK_KEY, FLASK_SESSIONS_UNTIL: '2999-12-31' }

/** Inserts an account with the row that an import leaves. */
export async function makeImported(
  app: App,
  { keepsId = true, role = 'user' }: { keepsId?: boolean; role?: Role } = {},
): Promise<Account> {
  const account = await makeUser(app, role)
  const { id: userId, username: usernameKey, passwordHash } = account
  await app.db.insert(importedUsers).values({ userId, usernameKey, passwordHash, role, keepsId })
  return account
}

let cookies = 0

/**
 * @param signedAt in the past, because a mark of the database has milliseconds and the cookie seconds
 * @returns the value of the `Cookie` header for a login at the Flask service, another one each time
 */
export function flaskCookieOf({ id }: { id: number }, signedAt = new Date(Date.now() - 10_000)) {
  const json = JSON.stringify({ _fresh: true, _id: ++cookies, _user_id: String(id) })
  return `session=${signFlaskCookie(json, { secretKey: FLASK_KEY, signedAt })}`
}

/** @returns how many cookies are marked as used, and the details of the account's logins */
export async function exchangesOf(app: App, { id }: { id: number }) {
  const recorded = await app.db.select().from(events).where(eq(events.userId, id))
  const logins = recorded.filter(({ type }) => type === 'login')
  return { used: await app.db.$count(usedCookies), logins: logins.map(({ detail }) => detail) }
}

/** @returns the row that marks a cookie as used, or undefined */
export async function usedCookieOf(app: App, cookie: string) {
  const key = digest(cookie.replace('session=', ''))
  const [row] = await app.db.select().from(usedCookies).where(eq(usedCookies.digest, key))
  return row
}
