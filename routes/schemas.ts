import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { UserRecord } from '../db/users.ts'
import { errors } from '../plugins/errors.ts'

/** A string enum: a union of literals becomes an `anyOf`, which generators choke on. */
export function stringEnum<const Values extends readonly string[]>(values: Values) {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: values })
}

/**
 * A path's id: 1 to 2^53-1 in decimal, without sign or leading zero. It stays text until it is
 * known to be one: coerced, `0x10` is 16, and 2^53+1 another user's id.
 */
export const PathId = Type.String({
  pattern: `^(${decimalsUpTo(Number.MAX_SAFE_INTEGER)})$`,
  description: `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
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

/** Length and content of a new password are judged by the password policy, which says why. */
export const Password = Type.String({ examples: ['correct horse battery'] })

export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/** RFC 3339, in UTC. */
export const Moment = Type.String({ format: 'date-time' })

export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()])
}

export const Role = stringEnum(['user', 'admin'])

export const User = Type.Object({
  id: Id,
  username: Type.String(),
  role: Role,
  createdAt: Moment,
})

/** What admins see of an account. */
export const ManagedUser = Type.Object({ ...User.properties, disabled: Type.Boolean() })

export const Message = Type.Object({ message: Type.String() })

export const MessageWithUser = Type.Object({ message: Type.String(), user: User })

export const ErrorBody = Type.Object({
  statusCode: Type.Integer(),
  code: stringEnum(Object.keys(errors)),
  error: Type.String(),
  message: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
})

/** Bodies are closed: an unknown property is refused. */
export function closedObject<Properties extends Record<string, TSchema>>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false })
}

/** What any route can answer besides what its own schema says. */
const commonErrors = { 429: ErrorBody, 500: ErrorBody, 503: ErrorBody }

/** The responses of a route: its success, and each status that its failures have. */
export function responses<Success extends TSchema, Status extends number = never>(
  success: Success,
  ...failures: Status[]
) {
  const declared = Object.fromEntries(failures.map((status) => [status, ErrorBody]))
  return { 200: success, ...commonErrors, ...declared } as { 200: Success } & typeof commonErrors &
    Record<Status, typeof ErrorBody> // fromEntries forgets which statuses it was given
}

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
