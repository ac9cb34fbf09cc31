import { randomUUID } from 'node:crypto'
import type { Database } from '../../../db/client.ts'
import { hexDigest } from '../../../db/digest.ts'
import { Lookups } from '../../../db/lookups/lookups.ts'
import type { Actor, Change } from '../../../db/queries/authority.ts'
import type { SessionLimits } from '../../../db/queries/live-sessions.ts'
import * as sessions from '../../../db/queries/sessions.ts'
import * as users from '../../../db/queries/users.ts'
import type { Role } from '../../../db/schema.ts'

export const LIMITS: SessionLimits = {
  idleMs: 3_600_000,
  lifetimeMs: 86_400_000,
  maxPerUser: 1_000,
}

export type DatabaseUser = Awaited<ReturnType<typeof makeDatabaseUser>>

/** For tests of `db`, that hash nothing: the row of an account with any hash. */
export async function makeDatabaseUser(db: Database, role: Role = 'user') {
  const passwordHash = `hash of ${randomUUID()}`
  const username = `u-${randomUUID()}`
  const created = await users.create(db, { origin: {} }, { username, passwordHash, role })
  if (!created.ok) throw new Error(created.reason)
  return { ...created.user, passwordHash }
}

/** Opens a session for the account. @returns the account as the guard knows it by its cookie */
export async function makeActor(db: Database, user: DatabaseUser): Promise<Actor> {
  const secretId = randomUUID()
  await sessions.open(db, secretId, LIMITS, newSession(user))
  const actor = await findActor(db, secretId)
  if (!actor) throw new Error('the session was not opened')
  return actor
}

/** Who the session is, as the guard finds it. */
export async function findActor(db: Database, secretId: string): Promise<Actor | undefined> {
  const { actor } = await new Lookups(db, LIMITS).find({ session: hexDigest(secretId) })
  return actor
}

export function newSession({ id, passwordHash, version }: DatabaseUser): sessions.NewSession {
  return { userId: id, passwordHash, version, userAgent: undefined, origin: {} }
}

/** A change to an account, by the actor and from nowhere. */
export function changeTo(userId: number, actor: Actor): Change {
  return { actor, origin: {}, userId }
}
