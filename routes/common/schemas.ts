import { isIP } from 'node:net'
import {
  type ObjectOptions,
  type SchemaOptions,
  type Static,
  type TSchema,
  Type,
} from '@sinclair/typebox'
import { isAddressRange } from '../../plugins/addresses/ranges.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'

/**
 * A reference to a schema with an `$id`. The schema must be in the list of
 * `routes/common/components.ts`, which makes it a component of the document.
 */
export function ref<Schema extends TSchema>({ $id }: Schema) {
  if ($id === undefined) throw new Error('A reference needs a schema with an $id')
  return Type.Unsafe<Static<Schema>>({ $ref: `${$id}#` })
}

/** A string enum. A union of literals would become an `anyOf`, which SDK generators handle badly. */
export function stringEnum<const Values extends readonly string[]>(
  values: Values,
  options: SchemaOptions = {},
) {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: values, ...options })
}

/** The same schema or null, as a list of types: generators handle that better than a union. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] })
}

/** An object without other properties, for request bodies and queries. */
export function closedObject<Properties extends Record<string, TSchema>>(
  properties: Properties,
  options: ObjectOptions = {},
) {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** The string formats of our own, for Ajv. */
export const formats = {
  address: (text: string) => isIP(text) !== 0,
  'address-range': isAddressRange,
  /** An integer from 1 to 2^53-1 in decimal, without sign or leading zero. */
  id: (text: string) => /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text)),
}

export const Id = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  format: 'int64',
  examples: [42],
})

/**
 * An id in a path or a query, as text. Ajv's coercion to a number would accept `0x10` as 16, and
 * round 2^53+1 to the id of another user.
 */
export const PathId = Type.String({ format: 'id', [DOCUMENTED_AS]: Id })

export const IdParams = Type.Object({ id: PathId })

/**
 * RFC 3339, in UTC. What the server returns has no upper limit (`maxLength`, `maxItems`): generated clients
 * would reject longer values of a later version.
 */
export const Timestamp = Type.String({
  format: 'date-time',
  examples: ['2026-11-23T08:30:00.000Z'],
})

/** An IPv4 or IPv6 address; null if it was unknown. */
export const Address = nullable(Type.String({ examples: ['192.0.2.7'] }))

export const messageProperties = {
  message: Type.String({ examples: ['Done.'] }),
}

export const Message = Type.Object(messageProperties, {
  $id: 'Message',
  description: 'A confirmation for people',
})
