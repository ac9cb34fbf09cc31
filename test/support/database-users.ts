import { randomUUID } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { type Actor, findActor, openSession } from '../../db/sessions.ts'
import { insertUser, type Role } from '../../db/users.ts'

export type DatabaseUser = Awaited<ReturnType<typeof makeDatabaseUser>>

/** For tests of `db`, that hash nothing: the row of an account with any hash. */
export async function makeDatabaseUser(db: Database, role: Role = 'user') {
  const passwordHash = `hash of ${randomUUID()}`
  const user = await insertUser(db, { username: `u-${randomUUID()}`, passwordHash, role })
  if (!user) throw new Error('the name exists')
  return { ...user, passwordHash }
}

/** Opens a session for the account. @returns the account as the guard knows it by its cookie */
export async function makeActor(db: Database, user: DatabaseUser): Promise<Actor> {
  const secretId = randomUUID()
  await openSession(db, secretId, {
    userId: user.id,
    passwordHash: user.passwordHash,
    lifetimeMs: 60_000,
    address: undefined,
    userAgent: undefined,
  })
  const actor = await findActor(db, secretId)
  if (!actor) throw new Error('the session was not opened')
  return actor
}
