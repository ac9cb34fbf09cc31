import {
  type ObjectOptions,
  type SchemaOptions,
  type Static,
  type TSchema,
  Type,
} from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { UserRecord } from '../../db/queries/users.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'

/**
 * A reference to a schema with an `$id`, which is then a component of the document and stands in
 * `routes/common/components.ts`.
 */
export function ref<Schema extends TSchema>({ $id }: Schema) {
  if ($id === undefined) throw new Error('only a schema with an $id can be referred to')
  return Type.Unsafe<Static<Schema>>({ $ref: `${$id}#` })
}

/** A string enum: a union of literals becomes an `anyOf`, which generators choke on. */
export function stringEnum<const Values extends readonly string[]>(
  values: Values,
  options: SchemaOptions = {},
) {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: values, ...options })
}

/** The same schema or null, as a list of types: generators take that better than a union. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] })
}

/** Bodies are closed: an unknown property is refused. */
export function closedObject<Properties extends Record<string, TSchema>>(
  properties: Properties,
  options: ObjectOptions = {},
) {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

export const Id = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  format: 'int64',
  examples: [42],
})

/**
 * A path's id: 1 to 2^53-1 in decimal, without sign or leading zero. It stays text until it is
 * known to be one: coerced, `0x10` is 16, and 2^53+1 another user's id. The document says what
 * such a text means.
 */
export const PathId = Type.String({
  pattern: `^(${decimalsUpTo(Number.MAX_SAFE_INTEGER)})$`,
  description: `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
  [DOCUMENTED_AS]: Id,
})

export const IdParams = Type.Object({ id: PathId })

export const Username = Type.String({
  minLength: 1,
  maxLength: 80,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]*$',
  description: 'letters, digits or ._@+- and start with a letter or a digit',
  examples: ['alice'],
})

export function isUsername(text: string): boolean {
  return Value.Check(Username, text)
}

const password = {
  maxLength: 72,
  format: 'password',
  examples: ['tea at the old mill'],
}

/** Any text is judged, so that one too long isn't told from one that is wrong. */
export const Password = Type.String({ [DOCUMENTED_AS]: Type.String(password) })

/** Length and content of a new password are judged by the password policy, which says why. */
export const NewPassword = Type.String({
  [DOCUMENTED_AS]: Type.String({
    ...password,
    minLength: 8,
    description:
      'at least 8 characters, or more by configuration, and at most 72 bytes of UTF-8; no common password',
  }),
})

/** RFC 3339, in UTC. */
export const Moment = Type.String({
  format: 'date-time',
  maxLength: 40,
  examples: ['2026-11-23T08:30:00.000Z'],
})

/** An IPv4 or IPv6 address; null where none was known. */
export const Address = nullable(Type.String({ maxLength: 45, examples: ['192.0.2.7'] }))

export const Role = stringEnum(['user', 'admin'], {
  $id: 'Role',
  description: 'What an account may do',
})

export const User = Type.Object(
  {
    id: Id,
    username: Type.String({ minLength: 1, maxLength: 80, examples: ['alice'] }),
    role: ref(Role),
    createdAt: Moment,
  },
  { $id: 'User', description: 'An account, as anybody who is signed in sees it' },
)

export const ManagedUser = Type.Object(
  { ...User.properties, disabled: Type.Boolean() },
  { $id: 'ManagedUser', description: 'An account, as admins see it' },
)

const messageProperties = { message: Type.String({ maxLength: 200, examples: ['Done.'] }) }

export const Message = Type.Object(messageProperties, {
  $id: 'Message',
  description: 'That it was done, in words for people',
})

export const UserMessage = Type.Object(
  { ...messageProperties, user: ref(User) },
  { $id: 'UserMessage', description: 'That it was done, and the account' },
)

export function toUser({ id, username, role, createdAt }: UserRecord): Static<typeof User> {
  return { id, username, role, createdAt: createdAt.toISOString() }
}

/** A pattern of the decimals from 1 to `max`, which has `n` digits: shorter ones, or digit by digit. */
function decimalsUpTo(max: number): string {
  const digits = String(max)
  const alternatives = [`[1-9][0-9]{0,${digits.length - 2}}`, digits]
  for (const [position, digit] of [...digits].entries()) {
    const least = position === 0 ? 1 : 0
    if (Number(digit) <= least) continue
    const rest = digits.length - position - 1
    alternatives.push(
      `${digits.slice(0, position)}[${least}-${Number(digit) - 1}]${rest ? `[0-9]{${rest}}` : ''}`,
    )
  }
  return alternatives.join('|')
}
