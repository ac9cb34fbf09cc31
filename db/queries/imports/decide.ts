import type { importedUsers, Role, users } from '../../schema.ts'

/** An account of the source. */
export interface SourceAccount {
  /** Undefined if the source has no ids. */
  id: number | undefined
  username: string
  /** Made by `usernameKey`. */
  key: string
  role: Role
  /** The source's hash, or the hash that was made of its password. */
  passwordHash: string
}

export type ImportedUser = typeof importedUsers.$inferSelect
export type ExistingUser = Pick<
  typeof users.$inferSelect,
  'id' | 'usernameKey' | 'kind' | 'role' | 'passwordChangedAt'
>

/** What the database has for an account of the source. */
export interface Existing {
  /** The account that was imported from it, or the one that has its id. */
  account: ExistingUser | undefined
  /** The account that has its username. */
  namesake: ExistingUser | undefined
  /** As it was at the latest import. */
  imported: ImportedUser | undefined
}

/**
 * - `none`: the source did not change. A change here alone stays
 * - `taken`: to be taken over from the source
 * - `kept`: both sides changed, and Gatehouse's change stays
 */
type Change = 'none' | 'taken' | 'kept'

export type Decision =
  | { kind: 'create' }
  | { kind: 'present' }
  /** The account exists here with this id and username, but no import created it. */
  | { kind: 'adopt' }
  | { kind: 'deleted-here' }
  | { kind: 'merge'; account: ExistingUser; password: Change; role: Change }
  | { kind: 'refuse'; reason: 'id-taken' | 'username-taken' | 'username-changed' }

/**
 * Decides what happens to an account of the source, by a comparison of three: the source now, the
 * source at the latest import, and Gatehouse.
 *
 * If only the source changed since the latest import, its change is taken over. If both sides changed,
 * Gatehouse's change stays: the Flask service accepts no changes after the switch, so it is the newer one.
 * A role that was ever changed in Gatehouse stays, because the time of its change is not stored.
 *
 * A service account is never an account of the source: it must not get a password.
 */
export function decide(source: SourceAccount, { account, namesake, imported }: Existing): Decision {
  if (account?.kind === 'service' && account.id === namesake?.id) {
    return { kind: 'refuse', reason: 'username-taken' }
  }
  if (!imported) {
    const isSame = account !== undefined && account.id === namesake?.id
    if (isSame) return { kind: 'adopt' }
    if (account) return { kind: 'refuse', reason: 'id-taken' }
    return namesake ? { kind: 'refuse', reason: 'username-taken' } : { kind: 'create' }
  }
  if (!account) return { kind: 'deleted-here' }
  if (account.usernameKey !== source.key) return { kind: 'refuse', reason: 'username-changed' }
  const { passwordChangedAt } = account
  const isPasswordChangedHere =
    passwordChangedAt !== null && passwordChangedAt > imported.importedAt
  const password = change(source.passwordHash !== imported.passwordHash, isPasswordChangedHere)
  const role = change(source.role !== imported.role, account.role !== imported.role)
  if (password === 'none' && role === 'none') return { kind: 'present' }
  return { kind: 'merge', account, password, role }
}

function change(isChangedThere: boolean, isChangedHere: boolean): Change {
  if (!isChangedThere) return 'none'
  return isChangedHere ? 'kept' : 'taken'
}
