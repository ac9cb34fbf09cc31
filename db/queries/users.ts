import { and, eq, sql } from 'drizzle-orm'
import { type Database, onlyRow, type Queryable } from '../client.ts'
import { now } from '../clock.ts'
import { isDuplicateKey } from '../errors.ts'
import { type AccountKind, type Role, sessions, users } from '../schema.ts'
import { transaction } from '../transaction.ts'
import { usernameKey } from '../usernames.ts'
import * as access from './access.ts'
import {
  type AccountPatch,
  type Actor,
  authorize,
  type Change,
  type CheckedPassword,
  exceedsToken,
  hasSamePassword,
  isLimited,
  losesLastAdmin,
  type Refused,
  refused,
} from './authority.ts'
import { type Origin, recordEvent } from './events.ts'

/** An account with its password hash. */
export type PasswordCredential = NonNullable<Awaited<ReturnType<typeof findCredential>>>
export type UserRecord = NonNullable<Awaited<ReturnType<typeof find>>>

/** What any signed-in caller may see of an account. */
const profile = {
  id: users.id,
  username: users.username,
  role: users.role,
  version: users.version,
  createdAt: users.createdAt,
}

const nextVersion = sql`${users.version} + 1`

/** What admins see. */
export const managedProfile = {
  ...profile,
  kind: users.kind,
  disabled: users.disabled,
  addressRanges: users.addressRanges,
}
export type ManagedUserRecord = UserRecord &
  Pick<typeof users.$inferSelect, 'kind' | 'disabled' | 'addressRanges'>

export async function find(db: Queryable, id: number) {
  const [user] = await db.select(profile).from(users).where(eq(users.id, id))
  return user
}

const credential = { ...managedProfile, passwordHash: users.passwordHash }

/** @param username case-insensitive */
export async function findCredential(db: Queryable, username: string) {
  const [found] = await db
    .select(credential)
    .from(users)
    .where(eq(users.usernameKey, usernameKey(username)))
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

export interface NewService {
  username: string
  role: Role
  /** Addresses and CIDRs that its tokens may come from; null for any. */
  addressRanges: readonly string[] | null
}

/** Who creates an account: an admin; without an actor, a registration or the command line. */
type Author = { actor?: Actor | undefined; origin: Origin }

type NewAccount = NewUser & Partial<NewService> & { kind?: AccountKind }

type Created =
  | { ok: true; user: ManagedUserRecord }
  | Refused
  | Refused<'username-taken' | 'limited-token'>

/** Creates a service account. It acts by its tokens: no password matches its hash. */
export function createService(db: Database, by: Author, service: NewService): Promise<Created> {
  return create(db, by, { ...service, kind: 'service', passwordHash: '*' })
}

/** @param by.actor the admin who creates the account; undefined for a registration */
export function create(
  db: Database,
  { actor, origin }: Author,
  user: NewAccount,
): Promise<Created> {
  return transaction(db, async (tx) => {
    if (actor) {
      const permission = await authorize(tx, { actor, userId: actor.id }, 'admin')
      if (!permission.ok) return permission
      if (user.role === 'admin' && isLimited(actor)) return refused('limited-token')
    }
    const userId = await insert(tx, user)
    if (userId === undefined) return refused('username-taken')
    const created = onlyRow(await tx.select(managedProfile).from(users).where(eq(users.id, userId)))
    const { username, role, kind, addressRanges } = user
    const detail = {
      username,
      role,
      ...(kind && { kind }),
      ...(addressRanges && { addressRanges: addressRanges.join(' ') }),
    }
    await recordEvent(tx, origin, { type: 'user_created', actorId: actor?.id, userId, detail })
    return { ok: true, user: created }
  })
}

/** @returns undefined if the name is taken */
async function insert(tx: Queryable, user: NewAccount): Promise<number | undefined> {
  try {
    const row = { ...user, usernameKey: usernameKey(user.username) }
    return (await tx.insert(users).values(row))[0].insertId
  } catch (error) {
    if (isDuplicateKey(error)) return undefined
    throw error
  }
}

/**
 * Replaces a hash by a new one of the same password. The version stays: see `hasSamePassword`.
 *
 * @returns false, and changes nothing, if `old` is no longer the account's hash
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
 * Sets a password, and ends all sessions and tokens of the account except the caller's session.
 *
 * @param current if given, the password is set only if this is still the account's
 */
export function changePassword(
  db: Database,
  change: Change,
  { passwordHash, current }: { passwordHash: string; current?: CheckedPassword | undefined },
): Promise<
  { ok: true; hasLeftovers: boolean } | Refused | Refused<'wrong-current-password' | 'no-password'>
> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'own-or-admin')
    if (!permission.ok) return permission
    if (permission.account.kind === 'service') return refused('no-password')
    if (current && !hasSamePassword(permission.account, current)) {
      return refused('wrong-current-password')
    }
    await tx
      .update(users)
      .set({ passwordHash, version: nextVersion, passwordChangedAt: now, sessionsEndedAt: now })
      .where(eq(users.id, userId))
    const { credential } = actor
    const kept = credential?.kind === 'session' ? eq(sessions.id, credential.id) : undefined
    const { detail, hasLeftovers } = await access.endEverything(tx, permission.account, kept)
    await recordEvent(tx, origin, { type: 'password_changed', actorId: actor.id, userId, detail })
    return { ok: true, hasLeftovers }
  })
}

/** Deletes an account, its sessions and its tokens. Only an admin may, and not their own account. */
export function remove(
  db: Database,
  change: Change,
): Promise<{ ok: true; hasLeftovers: boolean } | Refused> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'admin-on-another')
    if (!permission.ok) return permission
    if (await losesLastAdmin(tx, actor, permission.account)) return refused('last-admin')
    const ended = await access.endEverything(tx, permission.account)
    const detail = { username: permission.account.username, ...ended.detail }
    await tx.delete(users).where(eq(users.id, userId))
    await recordEvent(tx, origin, { type: 'user_deleted', actorId: actor.id, userId, detail })
    return { ok: true, hasLeftovers: ended.hasLeftovers }
  })
}

/**
 * Sets the role of an account, or disables or enables it. Only an admin may, and not on their own
 * account. So one admin always remains: the actor is an enabled admin whose row is locked. A service may not
 * end the last admin who can log in.
 *
 * Disabling ends the account's sessions and tokens, so that enabling it restores none of them.
 */
export function update(
  db: Database,
  change: Change,
  patch: AccountPatch,
): Promise<
  | { ok: true; user: ManagedUserRecord; hasLeftovers: boolean }
  | Refused
  | Refused<'not-a-service' | 'limited-token'>
> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'admin-on-another')
    if (!permission.ok) return permission
    const isService = permission.account.kind === 'service'
    if (patch.addressRanges !== undefined && !isService) return refused('not-a-service')
    const endsAdmin = patch.disabled || (patch.role !== undefined && patch.role !== 'admin')
    if (endsAdmin && (await losesLastAdmin(tx, actor, permission.account))) {
      return refused('last-admin')
    }
    if (exceedsToken(actor, permission.account, patch)) return refused('limited-token')
    await tx
      .update(users)
      .set({ ...patch, version: nextVersion, ...(patch.disabled && { sessionsEndedAt: now }) })
      .where(eq(users.id, userId))
    const ended = patch.disabled ? await access.endEverything(tx, permission.account) : undefined
    const user = onlyRow(await tx.select(managedProfile).from(users).where(eq(users.id, userId)))
    const { addressRanges, ...rest } = patch
    const detail = {
      ...rest,
      ...(addressRanges !== undefined && { addressRanges: addressRanges?.join(' ') ?? 'any' }),
      ...ended?.detail,
    }
    await recordEvent(tx, origin, { type: 'user_updated', actorId: actor.id, userId, detail })
    return { ok: true, user, hasLeftovers: ended?.hasLeftovers ?? false }
  })
}
