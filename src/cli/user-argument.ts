import { InvalidArgumentError } from 'commander'
import type { Queryable } from '../../db/client.ts'
import { findManaged } from '../../db/queries/operator-views.ts'
import type { ManagedUserRecord } from '../../db/queries/users.ts'
import { formats } from '../../routes/common/schemas.ts'

/** How a command names a user. */
export type UserArgument = { id: number } | { username: string }

export const USER_HELP = 'a username, or id:N for the user of this id'

const ID_PREFIX = 'id:'

/** Parses a username, which is case-insensitive, or `id:7`. */
export function userArgument(text: string): UserArgument {
  if (text.startsWith(ID_PREFIX)) return { id: idArgument(text.slice(ID_PREFIX.length)) }
  if (text === '') throw new InvalidArgumentError('It must not be empty.')
  return { username: text }
}

/** Parses an id: a whole number from 1 to 2^53-1. */
export function idArgument(text: string): number {
  if (formats.id(text)) return Number(text)
  throw new InvalidArgumentError('An id is a whole number above 0, such as 7 or, for a user, id:7.')
}

/** @throws Error if no such user exists */
export async function findUser(db: Queryable, wanted: UserArgument): Promise<ManagedUserRecord> {
  const user = await findManaged(db, wanted)
  if (user) return user
  throw new Error(
    'id' in wanted ? `No user has the id ${wanted.id}.` : `No user is named ${wanted.username}.`,
  )
}
