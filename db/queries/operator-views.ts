import { and, count, desc, eq, inArray, lt } from 'drizzle-orm'
import type { Queryable } from '../client.ts'
import { importedUsers, sessions, tokens, users } from '../schema.ts'
import { usernameKey } from '../usernames.ts'
import { isUnexpired } from './authority.ts'
import { isLive, type SessionLimits } from './live-sessions.ts'
import { sessionColumns } from './sessions.ts'
import { type ManagedUserRecord, managedProfile } from './users.ts'

/** @returns an account as admins see it, by its id or its case-insensitive username */
export async function findManaged(
  db: Queryable,
  by: { id: number } | { username: string },
): Promise<ManagedUserRecord | undefined> {
  const isWanted =
    'id' in by ? eq(users.id, by.id) : eq(users.usernameKey, usernameKey(by.username))
  const [found] = await db.select(managedProfile).from(users).where(isWanted)
  return found
}

/** @returns what the command line shows of an account beside its profile, or undefined if it is deleted */
export async function summarize(db: Queryable, id: number, limits: Pick<SessionLimits, 'idleMs'>) {
  const [account] = await db
    .select({
      passwordChangedAt: users.passwordChangedAt,
      importedAt: importedUsers.importedAt,
      sessionEpoch: users.sessionEpoch,
      tokenEpoch: users.tokenEpoch,
    })
    .from(users)
    .leftJoin(importedUsers, eq(importedUsers.userId, users.id))
    .where(eq(users.id, id))
  if (!account) return undefined
  const { sessionEpoch, tokenEpoch, ...rest } = account
  const [ofSessions] = await db
    .select({ count: count() })
    .from(sessions, { forceIndex: 'sessions_user_epoch' })
    .where(and(eq(sessions.userId, id), eq(sessions.epoch, sessionEpoch), isLive(limits)))
  const [ofTokens] = await db
    .select({ count: count() })
    .from(tokens, { forceIndex: 'tokens_user_epoch' })
    .where(and(eq(tokens.userId, id), eq(tokens.epoch, tokenEpoch), isUnexpired))
  return { ...rest, sessions: ofSessions?.count ?? 0, tokens: ofTokens?.count ?? 0 }
}

/** @returns the live sessions of all accounts, the newest first */
export function listSessions(
  db: Queryable,
  limits: Pick<SessionLimits, 'idleMs'>,
  { before, limit }: { before?: number | undefined; limit: number },
) {
  return db
    .select({ ...sessionColumns, userId: users.id, username: users.username })
    .from(sessions, { forceIndex: 'PRIMARY' })
    .innerJoin(users, and(eq(users.id, sessions.userId), eq(users.sessionEpoch, sessions.epoch)))
    .where(and(isLive(limits), before === undefined ? undefined : lt(sessions.id, before)))
    .orderBy(desc(sessions.id))
    .limit(limit)
}

/** @returns the usernames of those accounts that exist, by id */
export async function findNames(db: Queryable, ids: number[]): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map()
  const found = await db
    .select({ id: users.id, username: users.username })
    .from(users)
    .where(inArray(users.id, ids))
  return new Map(found.map(({ id, username }) => [id, username]))
}
