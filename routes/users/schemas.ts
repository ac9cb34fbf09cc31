import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { ManagedUserRecord, UserRecord } from '../../db/queries/users.ts'
import { KINDS, ROLES } from '../../db/schema.ts'
import { MAX_USERNAME_LENGTH } from '../../db/usernames.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { page } from '../common/pages.ts'
import { Id, messageProperties, nullable, ref, stringEnum, Timestamp } from '../common/schemas.ts'

/** Excludes C0, DEL, C1 and half surrogates, which would become U+FFFD in the database. */
export const PRINTABLE = '^[^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]+$'

const examples = ['alice']
const username = { minLength: 1, maxLength: MAX_USERNAME_LENGTH, examples }

/** Of any account: one that was imported keeps its name, which `NewUsername` may refuse. */
export const Username = Type.String({
  ...username,
  pattern: PRINTABLE,
  // A validation message puts "must be" before it.
  description: '1 to 80 characters without control characters',
})

export const NewUsername = Type.String({
  ...username,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]*$',
  description: '1 to 80 letters, digits or ._@+-, starting with a letter or a digit',
})

export function isNewUsername(text: string): boolean {
  return Value.Check(NewUsername, text)
}

const password = { format: 'password', examples: ['tea at the old mill'] }

/** As long as a body can be: an imported hash may be of a longer password than new ones can be. */
export const Password = Type.String({
  [DOCUMENTED_AS]: Type.String({ ...password, maxLength: 16_384 }),
})

/** The password policy checks a new password, because it gives the reason of a refusal. */
export const NewPassword = Type.String({
  [DOCUMENTED_AS]: Type.String({
    ...password,
    minLength: 8,
    maxLength: 72,
    description:
      'At least 8 characters, or more by configuration, and at most 72 bytes of UTF-8. Common passwords are refused',
  }),
})

export const Role = stringEnum(ROLES, {
  $id: 'Role',
  description: 'What an account may do',
})

export const User = Type.Object(
  {
    id: Id,
    username: Type.String({ examples }),
    role: ref(Role),
    createdAt: Timestamp,
  },
  { $id: 'User', description: 'An account, as every signed-in user sees it' },
)

export const AccountKind = stringEnum(KINDS, {
  $id: 'AccountKind',
  description: 'A person logs in. A service account has no password and acts by its tokens',
})

/** Few enough for the detail of an event. */
export const MAX_ADDRESS_RANGES = 10

const AddressRange = Type.String({
  description: 'An IPv4 or IPv6 address, or a CIDR range',
  examples: ['192.0.2.0/24'],
})

const NewAddressRange = Type.String({
  format: 'address-range',
  maxLength: 43,
  [DOCUMENTED_AS]: { ...AddressRange, maxLength: 43 },
})

const rangeList = {
  minItems: 1,
  uniqueItems: true,
  description: 'Addresses and CIDR ranges that the tokens of a service account may come from',
}

export const AddressRanges = Type.Array(NewAddressRange, {
  ...rangeList,
  maxItems: MAX_ADDRESS_RANGES,
})

export const ManagedUser = Type.Object(
  {
    ...User.properties,
    kind: ref(AccountKind),
    disabled: Type.Boolean(),
    addressRanges: nullable(Type.Array(AddressRange, rangeList)),
  },
  { $id: 'ManagedUser', description: 'An account, as admins see it' },
)

export const ManagedUserPage = page('ManagedUserPage', ManagedUser)

export const UserMessage = Type.Object(
  { ...messageProperties, user: ref(User) },
  { $id: 'UserMessage', description: 'A confirmation, with the account' },
)

export function toUser({ id, username, role, createdAt }: UserRecord): Static<typeof User> {
  return { id, username, role, createdAt }
}

export function toManagedUser(user: ManagedUserRecord): Static<typeof ManagedUser> {
  const { kind, disabled, addressRanges } = user
  return { ...toUser(user), kind, disabled, addressRanges: addressRanges && [...addressRanges] }
}
