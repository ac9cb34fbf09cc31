import type { Role } from '../../db/schema.ts'
import { MAX_USERNAME_LENGTH, usernameKey } from '../../db/usernames.ts'
import { type ClassifiedHash, classifyHash } from '../../plugins/passwords/stored-hash.ts'
import { formats } from '../../routes/common/schemas.ts'
import { PRINTABLE } from '../../routes/users/schemas.ts'
import type { SourceRow, UnreadableRow } from './sources/source.ts'

const isPrintable = new RegExp(PRINTABLE, 'u')

type Scheme = Extract<ClassifiedHash, { ok: true }>['scheme']

/** Why a row is refused, with the end of the sentence "The row was refused: …". No text quotes a value of the row. */
export const REASONS = {
  unreadable: 'the line is not a row of accounts, or has both a hash and a password',
  'id-invalid': 'the id is not a whole number from 1 to 2^53-1',
  'id-repeated': 'an earlier row of the source has the id',
  'id-taken': 'another account has the id',
  'username-missing': 'the username is missing',
  'username-too-long': `the username has more than ${MAX_USERNAME_LENGTH} characters`,
  'username-invalid': 'the username has control characters or half of a surrogate pair',
  'username-repeated': 'an earlier row of the source has the username, except for case and form',
  'username-taken': 'another account has the username, except for case and form',
  'username-changed': 'the account was imported under another username',
  'role-unknown': 'the role is neither `user` nor `admin`',
  'password-missing': 'there is neither a hash nor a password',
  'password-invalid': 'the password has half of a surrogate pair, which no client can send',
  'hash-unsupported': 'the hash is of a scheme that Gatehouse does not verify',
  'hash-damaged': 'the hash is malformed or cut off',
  'hash-too-expensive':
    'the hash takes too long to verify: bcrypt above cost 15, or scrypt or PBKDF2 above its limits',
} as const

export type Reason = keyof typeof REASONS

export interface Refusal {
  place: string
  username: string | undefined
  reason: Reason
}

/** A row that can be imported if no other account has its id or its username. */
export interface CheckedRow {
  place: string
  /** Undefined if the source has no ids. */
  id: number | undefined
  username: string
  key: string
  role: Role
  password: { kind: Scheme; hash: string } | { kind: 'plain'; text: string }
}

/** Checks each row alone, and that its id and username are the first of the source. */
export class RowChecker {
  /** All valid ids of the source, also those of refused rows. */
  readonly ids = new Set<number>()
  readonly keys = new Set<string>()
  /** 0 if the source has no ids. */
  highestId = 0
  /** Whether each row, refused or not, could be found again by its id or its username. */
  allIdentified = true

  check(row: SourceRow | UnreadableRow): CheckedRow | Refusal {
    const checked = this.#checkFields(row)
    if (typeof checked !== 'string') return checked
    const username =
      'username' in row && typeof row.username === 'string' ? row.username : undefined
    return { place: row.place, username, reason: checked }
  }

  #checkFields(row: SourceRow | UnreadableRow): CheckedRow | Reason {
    if ('isUnreadable' in row) {
      this.allIdentified = false
      return 'unreadable'
    }
    const id = row.id === undefined ? undefined : parseId(row.id)
    const key = typeof row.username === 'string' ? usernameKey(row.username) : undefined
    const isRepeated = {
      id: id ? this.ids.has(id) : false,
      key: key !== undefined && this.keys.has(key),
    }
    if (id) this.ids.add(id)
    this.highestId = Math.max(this.highestId, id ?? 0)
    if (key) this.keys.add(key)
    if (!id && !key) this.allIdentified = false

    if (id === null) return 'id-invalid'
    if (isRepeated.id) return 'id-repeated'
    const { username, role } = row
    if (typeof username !== 'string' || username === '' || key === undefined)
      return 'username-missing'
    if ([...username].length > MAX_USERNAME_LENGTH) return 'username-too-long'
    if (!isPrintable.test(username)) return 'username-invalid'
    if (isRepeated.key) return 'username-repeated'
    if (role !== 'user' && role !== 'admin') return 'role-unknown'
    const password = parsePassword(row)
    if (typeof password === 'string') return password
    return { place: row.place, id, username, key, role, password }
  }
}

/** @returns null if it is not an id, as a number or as its digits */
function parseId(value: unknown): number | null {
  const isText = typeof value === 'number' || typeof value === 'string'
  const text = isText ? String(value) : ''
  return formats.id(text) ? Number(text) : null
}

function parsePassword({ hash, password }: SourceRow): CheckedRow['password'] | Reason {
  const text = hash ?? password
  if (typeof text !== 'string' || text === '') return 'password-missing'
  if (!text.isWellFormed()) return 'password-invalid'
  const classified = classifyHash(text)
  if (classified.ok) return { kind: classified.scheme, hash: text }
  if (classified.reason !== 'not-a-hash') return classified.reason
  return hash === undefined ? { kind: 'plain', text } : 'hash-unsupported'
}
