import { and, eq, gt, inArray, isNull, or } from 'drizzle-orm'
import type { Queryable } from '../client.ts'
import { now } from '../clock.ts'
import { type Role, sessions, tokens, users } from '../schema.ts'
import type { Origin } from './events.ts'

/** Who asks, as the database knew them when the request came in, and by what. */
export interface Actor {
  id: number
  username: string
  role: Role
  version: number
  createdAt: Date
  credential: Credential
}

/** How exact a last use is: a session or token is written at most this often. */
export const USE_PRECISION_MS = 60_000

/** The session or the token that a request came with. */
export interface Credential {
  kind: 'session' | 'token'
  id: number
  /** Whether its last use is older than that, and is to be written. */
  isStale: boolean
}

/** A change to an account: who asks, from where, and whose account it is. */
export interface Change {
  actor: Actor
  origin: Origin
  userId: number
  /** If given, the change is made only while the account is of one of these versions. */
  versions?: readonly number[] | undefined
}

/** Whether an account is of a version that a change is meant for. */
export function isWanted({ versions }: Pick<Change, 'versions'>, account: { version: number }) {
  return versions === undefined || versions.includes(account.version)
}

/** Who may make a change. */
type Rule = 'own-or-admin' | 'admin' | 'admin-on-another'

export type Refusal =
  | 'actor-gone'
  | 'not-permitted'
  | 'not-found'
  | 'own-account'
  | 'version-differs'

export function mayActOn(actor: { id: number; role: Role }, userId: number): boolean {
  return actor.role === 'admin' || actor.id === userId
}

/**
 * Asks anew, within a change's transaction, whether its actor may make it: what they were allowed
 * when the request came in may have been taken back while its body arrived or a password was
 * hashed. Until the commit both accounts are locked, in the order of their ids, so that two who
 * act on each other can't deadlock.
 *
 * @returns the account, or why there is none to act on: `actor-gone` means that the session or
 * token has ended, or that its owner is disabled or deleted; `version-differs` comes last
 */
export async function authorize(
  tx: Queryable,
  { actor, userId, versions }: Omit<Change, 'origin'>,
  rule: Rule,
): Promise<{ refusal: Refusal; account?: never } | { refusal?: never; account: LockedAccount }> {
  const rows = await tx
    .select(lockedColumns)
    .from(users)
    .where(inArray(users.id, [userId, actor.id]))
    .orderBy(users.id)
    .for('update')
  const acting = rows.find(({ id }) => id === actor.id)
  if (!acting || acting.disabled || !(await isLive(tx, actor.credential))) {
    return { refusal: 'actor-gone' }
  }
  const isPermitted = rule === 'own-or-admin' ? mayActOn(acting, userId) : acting.role === 'admin'
  if (!isPermitted) return { refusal: 'not-permitted' }
  if (rule === 'admin-on-another' && userId === actor.id) return { refusal: 'own-account' }
  const account = rows.find(({ id }) => id === userId)
  if (!account) return { refusal: 'not-found' }
  if (!isWanted({ versions }, account)) return { refusal: 'version-differs' }
  return { account }
}

const lockedColumns = {
  id: users.id,
  username: users.username,
  role: users.role,
  disabled: users.disabled,
  version: users.version,
  passwordHash: users.passwordHash,
}

type LockedAccount = Pick<typeof users.$inferSelect, keyof typeof lockedColumns>

/** Of a token. */
export const isUnexpired = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now))

/** The idle limit is left to the guard: this request is a use. */
async function isLive(tx: Queryable, { kind, id }: Credential): Promise<boolean> {
  const found =
    kind === 'session'
      ? await tx
          .select({ id: sessions.id })
          .from(sessions)
          .where(and(eq(sessions.id, id), gt(sessions.expiresAt, now)))
      : await tx
          .select({ id: tokens.id })
          .from(tokens)
          .where(and(eq(tokens.id, id), isUnexpired))
  return found.length === 1
}
