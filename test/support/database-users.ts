import { randomUUID } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { hexDigest } from '../../db/digest.ts'
import { createLookups } from '../../db/lookups/lookups.ts'
import type { Actor, Change } from '../../db/queries/authority.ts'
import { type NewSession, openSession, type SessionLimits } from '../../db/queries/sessions.ts'
import { createUser } from '../../db/queries/users.ts'
import type { Role } from '../../db/schema.ts'

export const LIMITS: SessionLimits = { idleMs: 3_600_000, lifetimeMs: 86_400_000 }

export type DatabaseUser = Awaited<ReturnType<typeof makeDatabaseUser>>

/** For tests of `db`, that hash nothing: the row of an account with any hash. */
export async function makeDatabaseUser(db: Database, role: Role = 'user') {
  const passwordHash = `hash of ${randomUUID()}`
  const username = `u-${randomUUID()}`
  const user = await createUser(db, { origin: {} }, { username, passwordHash, role })
  if (typeof user === 'string') throw new Error(user)
  return { ...user, passwordHash }
}

/** Opens a session for the account. @returns the account as the guard knows it by its cookie */
export async function makeActor(db: Database, user: DatabaseUser): Promise<Actor> {
  const secretId = randomUUID()
  await openSession(db, secretId, newSession(user), LIMITS)
  const actor = await findActor(db, secretId)
  if (!actor) throw new Error('the session was not opened')
  return actor
}

/** Who the session is, as the guard finds it. */
export function findActor(db: Database, secretId: string): Promise<Actor | undefined> {
  return createLookups(db, LIMITS).actorBySession(hexDigest(secretId))
}

export function newSession({ id, passwordHash }: DatabaseUser): NewSession {
  return { userId: id, passwordHash, userAgent: undefined, origin: {} }
}

/** A change to an account, by the actor and from nowhere. */
export function changeTo(userId: number, actor: Actor): Change {
  return { actor, origin: {}, userId }
}
