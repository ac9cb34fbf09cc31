import type { Role } from '../../db/schema.ts'
import { MAX_USERNAME_LENGTH, usernameKey } from '../../db/usernames.ts'
import { type ClassifiedHash, classifyHash } from '../../plugins/passwords/stored-hash.ts'
import { formats } from '../../routes/common/schemas.ts'
import { PRINTABLE } from '../../routes/users/schemas.ts'
import type { SourceRow } from './sources/source.ts'

/** The reasons for refusing a row. A message never contains a value of the row. */
export const REASONS = {
  unreadable: 'the line is not a row of accounts',
  'hash-and-password': 'the row has both a hash and a password',
  'id-invalid': 'the id is not a whole number from 1 to 2^53-1',
  'id-repeated': 'an earlier row of the source has the id',
  'id-taken': 'another account has the id',
  'username-missing': 'the username is missing',
  'username-too-long': `the username has more than ${MAX_USERNAME_LENGTH} characters`,
  'username-invalid': 'the username has control characters or half of a surrogate pair',
  'username-repeated':
    'an earlier row of the source has the username, case-insensitive and after Unicode normalization',
  'username-taken':
    'another account has the username, case-insensitive and after Unicode normalization',
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

type Scheme = Extract<ClassifiedHash, { ok: true }>['scheme']

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

type Checked = { ok: true; row: CheckedRow } | { ok: false; refusal: Refusal }
type ReadPassword = { ok: true; password: CheckedRow['password'] } | { ok: false; reason: Reason }

/** How much of a name a report shows, in UTF-16 code units. */
const SHOWN_LENGTH = 200

const isPrintable = new RegExp(PRINTABLE, 'u')

/** Checks each row alone, and that its id and username are the first of the source. */
export class RowChecker {
  /** All valid ids of the source, also those of refused rows. */
  readonly ids = new Set<number>()
  readonly keys = new Set<string>()
  /** 0 if the source has no ids. */
  highestId = 0
  /** Whether each row, refused or not, has a readable id or username. */
  allIdentified = true

  check(source: SourceRow): Checked {
    const { place, username } = source
    const id = parseId(source.id)
    const isShort = typeof username === 'string' && username.length <= 2 * MAX_USERNAME_LENGTH
    const key = isShort ? usernameKey(username) : undefined
    const isRepeated = {
      id: typeof id === 'number' && this.ids.has(id),
      key: key !== undefined && this.keys.has(key),
    }
    if (id) this.ids.add(id)
    this.highestId = Math.max(this.highestId, id || 0)
    if (key) this.keys.add(key)
    if (!id && !key) this.allIdentified = false

    const refuse = (reason: Reason): Checked => {
      const name = typeof username === 'string' ? shorten(username) : undefined
      return { ok: false, refusal: { place, username: name, reason } }
    }
    if (source.fault) return refuse(source.fault)
    if (id === false) return refuse('id-invalid')
    if (isRepeated.id) return refuse('id-repeated')
    if (typeof username !== 'string' || username === '') return refuse('username-missing')
    if (key === undefined || [...username].length > MAX_USERNAME_LENGTH) {
      return refuse('username-too-long')
    }
    if (!isPrintable.test(username)) return refuse('username-invalid')
    if (isRepeated.key) return refuse('username-repeated')
    const { role } = source
    if (role !== 'user' && role !== 'admin') return refuse('role-unknown')
    const read = readPassword(source)
    if (!read.ok) return refuse(read.reason)
    return { ok: true, row: { place, id, username, key, role, password: read.password } }
  }
}

function shorten(name: string): string {
  return name.length > SHOWN_LENGTH ? `${name.slice(0, SHOWN_LENGTH)}…` : name
}

/** @returns undefined if there is none, false if it is not an id, as a number or as its digits */
function parseId(value: unknown): number | undefined | false {
  if (value === undefined) return undefined
  const isNumberOrText = typeof value === 'number' || typeof value === 'string'
  const text = isNumberOrText ? String(value) : ''
  return formats.id(text) && Number(text)
}

function readPassword({ hash, password }: SourceRow): ReadPassword {
  const text = hash ?? password
  if (typeof text !== 'string' || text === '') return { ok: false, reason: 'password-missing' }
  if (!text.isWellFormed()) return { ok: false, reason: 'password-invalid' }
  const classified = classifyHash(text)
  if (classified.ok) return { ok: true, password: { kind: classified.scheme, hash: text } }
  if (classified.reason !== 'not-a-hash') return { ok: false, reason: classified.reason }
  if (hash !== undefined) return { ok: false, reason: 'hash-unsupported' }
  return { ok: true, password: { kind: 'plain', text } }
}
