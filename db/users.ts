import { and, eq, inArray } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from './client.ts'
import { isDuplicateKey } from './errors.ts'
import { users } from './schema.ts'
import { type Actor, endOtherSessions, isSessionLive } from './sessions.ts'

export type Role = (typeof users.$inferSelect)['role']
export type Credential = NonNullable<Awaited<ReturnType<typeof findCredential>>>
export type UserRecord = NonNullable<Awaited<ReturnType<typeof findUser>>>

/** What everybody who may see an account may see of it. */
const profile = {
  id: users.id,
  username: users.username,
  role: users.role,
  createdAt: users.createdAt,
}

export async function findUser(db: Queryable, id: number) {
  const [user] = await db.select(profile).from(users).where(eq(users.id, id))
  return user
}

const credential = { ...profile, passwordHash: users.passwordHash, disabled: users.disabled }

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

/** @returns undefined if the name is taken, in whatever case */
export async function insertUser(
  db: Queryable,
  user: { username: string; passwordHash: string; role: Role },
) {
  try {
    const [{ insertId }] = await db
      .insert(users)
      .values({ ...user, usernameKey: user.username.toLowerCase() })
    return await findUser(db, insertId)
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

export type ChangeOutcome =
  | 'done'
  | 'actor-gone'
  | 'not-permitted'
  | 'not-found'
  | 'password-changed'

/**
 * Sets a password and ends all sessions of the account but the one that asked.
 *
 * @param expectedHash if given, the password is set only while this is still the account's hash
 */
export function changePassword(
  db: Database,
  actor: Actor,
  userId: number,
  { passwordHash, expectedHash }: { passwordHash: string; expectedHash?: string },
): Promise<ChangeOutcome> {
  return transaction(db, async (tx) => {
    const locked = await lockAccounts(tx, userId, actor)
    if (!locked.actor) return 'actor-gone'
    if (!mayActOn(locked.actor, userId)) return 'not-permitted'
    if (!locked.target) return 'not-found'
    if (expectedHash !== undefined && locked.target.passwordHash !== expectedHash) {
      return 'password-changed'
    }
    await tx.update(users).set({ passwordHash }).where(eq(users.id, userId))
    await endOtherSessions(tx, userId, actor.sessionId)
    return 'done'
  })
}

/** Deletes an account; its sessions go with it. Only an admin may. */
export function deleteUser(
  db: Database,
  actor: Actor,
  userId: number,
): Promise<Exclude<ChangeOutcome, 'password-changed'>> {
  return transaction(db, async (tx) => {
    const locked = await lockAccounts(tx, userId, actor)
    if (!locked.actor) return 'actor-gone'
    if (locked.actor.role !== 'admin') return 'not-permitted'
    if (!locked.target) return 'not-found'
    await tx.delete(users).where(eq(users.id, userId))
    return 'done'
  })
}

export function mayActOn(actor: { id: number; role: Role }, userId: number): boolean {
  return actor.role === 'admin' || actor.id === userId
}

/**
 * Locks the account acted upon and the actor's own, in the order of their ids (so that two who act
 * on each other can't deadlock), and reads them anew: what a request was allowed when it came in
 * may have been taken back while a password was hashed.
 *
 * @returns `actor` undefined if their session has ended or their account is disabled or gone
 */
async function lockAccounts(tx: Queryable, targetId: number, actor: Actor) {
  const rows = await tx
    .select({
      id: users.id,
      role: users.role,
      disabled: users.disabled,
      passwordHash: users.passwordHash,
    })
    .from(users)
    .where(inArray(users.id, [targetId, actor.id]))
    .orderBy(users.id)
    .for('update')
  const acting = rows.find((row) => row.id === actor.id && !row.disabled)
  return {
    target: rows.find((row) => row.id === targetId),
    actor: acting && (await isSessionLive(tx, actor.sessionId)) ? acting : undefined,
  }
}
