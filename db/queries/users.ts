import { and, eq, gt, gte, lt, sql } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from '../client.ts'
import { isDuplicateKey } from '../errors.ts'
import { type Role, users } from '../schema.ts'
import { type Actor, authorize, type Change, type Refusal } from './authority.ts'
import { IDS_TOLD, type Origin, recordEvent } from './events.ts'
import { dropSessions } from './sessions.ts'
import { dropTokens } from './tokens.ts'

/** An account with what a login is checked against. */
export type PasswordCredential = NonNullable<Awaited<ReturnType<typeof findCredential>>>
export type UserRecord = NonNullable<Awaited<ReturnType<typeof findUser>>>

/** What everybody who may see an account may see of it. */
const profile = {
  id: users.id,
  username: users.username,
  role: users.role,
  version: users.version,
  createdAt: users.createdAt,
}

const nextVersion = sql`${users.version} + 1`

/** What admins see besides. */
const managedProfile = { ...profile, disabled: users.disabled }
export type ManagedUserRecord = UserRecord & { disabled: boolean }

export async function findUser(db: Queryable, id: number) {
  const [user] = await db.select(profile).from(users).where(eq(users.id, id))
  return user
}

const credential = { ...managedProfile, passwordHash: users.passwordHash }

/** The account of this name, without regard to case, with what a login is checked against. */
export async function findCredential(db: Queryable, username: string) {
  const [found] = await db
    .select(credential)
    .from(users)
    .where(eq(users.usernameKey, username.toLowerCase()))
  return found
}

export async function findCredentialById(db: Queryable, id: number) {
  const [found] = await db.select(credential).from(users).where(eq(users.id, id))
  return found
}

export interface NewUser {
  username: string
  passwordHash: string
  role: Role
}

/**
 * Makes an account.
 *
 * @param by.actor the admin who makes it; without one, whoever may register
 */
export function createUser(
  db: Database,
  { actor, origin }: { actor?: Actor | undefined; origin: Origin },
  user: NewUser,
): Promise<UserRecord | 'taken' | Refusal> {
  return transaction(db, async (tx) => {
    if (actor) {
      const { refusal } = await authorize(tx, { actor, userId: actor.id }, 'admin')
      if (refusal) return refusal
    }
    const userId = await insertUser(tx, user)
    if (userId === undefined) return 'taken'
    const made = await findUser(tx, userId)
    const detail = { username: user.username, role: user.role }
    await recordEvent(tx, origin, { type: 'user_created', actorId: actor?.id, userId, detail })
    return made ?? 'not-found'
  })
}

async function insertUser(tx: Queryable, user: NewUser): Promise<number | undefined> {
  try {
    const usernameKey = user.username.toLowerCase()
    const [{ insertId }] = await tx.insert(users).values({ ...user, usernameKey })
    return insertId
  } catch (error) {
    if (isDuplicateKey(error)) return undefined
    throw error
  }
}

/**
 * Replaces a hash by one of the same password at today's cost.
 *
 * @returns false, and nothing is replaced, if `old` isn't the account's hash any more
 */
export async function renewHash(
  db: Queryable,
  id: number,
  hashes: { old: string; renewed: string },
): Promise<boolean> {
  const [{ affectedRows }] = await db
    .update(users)
    .set({ passwordHash: hashes.renewed })
    .where(and(eq(users.id, id), eq(users.passwordHash, hashes.old)))
  return affectedRows === 1
}

/**
 * Sets a password, and ends all sessions and tokens of the account but the session that asked.
 *
 * @param expectedHash if given, the password is set only while this is still the account's hash
 */
export function changePassword(
  db: Database,
  change: Change,
  { passwordHash, expectedHash }: { passwordHash: string; expectedHash?: string | undefined },
): Promise<'done' | 'password-changed' | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal, account } = await authorize(tx, change, 'own-or-admin')
    if (refusal) return refusal
    if (expectedHash !== undefined && account.passwordHash !== expectedHash) {
      return 'password-changed'
    }
    await tx.update(users).set({ passwordHash, version: nextVersion }).where(eq(users.id, userId))
    const { kind, id } = actor.credential
    const detail = await endAccess(tx, userId, kind === 'session' ? id : undefined)
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, { type: 'password_changed', ...who, detail })
    return 'done'
  })
}

/** Deletes an account, its sessions and its tokens. Only an admin may, and not their own. */
export function deleteUser(db: Database, change: Change): Promise<'done' | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal, account } = await authorize(tx, change, 'admin-on-another')
    if (refusal) return refusal
    const detail = { username: account.username, ...(await endAccess(tx, userId)) }
    await tx.delete(users).where(eq(users.id, userId))
    await recordEvent(tx, origin, { type: 'user_deleted', actorId: actor.id, userId, detail })
    return 'done'
  })
}

/**
 * Sets the role or the state of an account. Only an admin may, and not on their own account: so
 * the last admin stays, since whoever acts is an enabled admin whose row is locked.
 *
 * Disabling also ends the account's sessions and tokens, so that enabling it brings none back.
 */
export function updateUser(
  db: Database,
  change: Change,
  patch: { role?: Role; disabled?: boolean },
): Promise<ManagedUserRecord | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, change, 'admin-on-another')
    if (refusal) return refusal
    await tx
      .update(users)
      .set({ ...patch, version: nextVersion })
      .where(eq(users.id, userId))
    const ended = patch.disabled ? await endAccess(tx, userId) : {}
    const [user] = await tx.select(managedProfile).from(users).where(eq(users.id, userId))
    const detail = { ...patch, ...ended }
    await recordEvent(tx, origin, { type: 'user_updated', actorId: actor.id, userId, detail })
    return user ?? 'not-found'
  })
}

/** Ends all sessions and tokens of an account but one session, and tells which for the event. */
async function endAccess(tx: Queryable, userId: number, keptSessionId?: number) {
  const sessionIds = await dropSessions(tx, userId, keptSessionId)
  const tokenIds = await dropTokens(tx, userId)
  return {
    sessionsEnded: sessionIds.length,
    sessionIds: sessionIds.slice(0, IDS_TOLD),
    tokensEnded: tokenIds.length,
    tokenIds: tokenIds.slice(0, IDS_TOLD),
  }
}

export interface UserFilter {
  /** The key (the name in lower case) after which to go on. */
  afterKey?: string | undefined
  prefix?: string | undefined
  role?: Role | undefined
  disabled?: boolean | undefined
  limit: number
}

/** @returns users in the order of their names in lower case */
export function listUsers(
  db: Queryable,
  { afterKey, prefix, role, disabled, limit }: UserFilter,
): Promise<ManagedUserRecord[]> {
  const first = prefix?.toLowerCase()
  return db
    .select(managedProfile)
    .from(users)
    .where(
      and(
        afterKey === undefined ? undefined : gt(users.usernameKey, afterKey),
        // A range, not LIKE: no character means anything but itself. DEL follows every letter.
        first === undefined ? undefined : gte(users.usernameKey, first),
        first === undefined ? undefined : lt(users.usernameKey, `${first}\x7f`),
        role === undefined ? undefined : eq(users.role, role),
        disabled === undefined ? undefined : eq(users.disabled, disabled),
      ),
    )
    .orderBy(users.usernameKey)
    .limit(limit)
}
