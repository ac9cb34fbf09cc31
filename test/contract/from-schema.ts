import fc from 'fast-check'
import type { OpenAPIV3_1 } from 'openapi-types'

type Schema = OpenAPIV3_1.SchemaObject
type Reference = OpenAPIV3_1.ReferenceObject

const MAX_ITEMS = 5

/** Any JSON value, mostly similar to what the schemas require. */
export const anyJson = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(null, '', 0, -1, 1.5, 2 ** 53, true, [], {}, 'user', '\0', '\ud800'),
)

/**
 * Generates values that match a schema of the document. It supports only the keywords that the
 * document uses.
 *
 * @param resolve finds what a reference refers to
 * @throws Error if it does not support the type of the schema
 */
export function valuesOf(
  schema: Schema | Reference,
  resolve: (reference: Reference) => Schema,
): fc.Arbitrary<unknown> {
  if ('$ref' in schema) return valuesOf(resolve(schema), resolve)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (Array.isArray(schema.type)) {
    const kinds = schema.type.map((type) => ({ ...schema, type }) as Schema)
    return fc.oneof(...kinds.map((kind) => valuesOf(kind, resolve)))
  }
  switch (schema.type) {
    case 'null':
      return fc.constant(null)
    case 'array':
      return arraysOf(schema, resolve)
    case 'string':
      return stringsOf(schema)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return integersOf(schema)
    case 'object':
      return objectsOf(schema, resolve)
    default:
      throw new Error(`no values of ${JSON.stringify(schema)}`)
  }
}

/** Most of them small: ids are. */
function integersOf({ minimum, maximum }: Schema) {
  const [min, max] = [BigInt(minimum ?? 0), BigInt(maximum ?? 0)]
  const small = fc.bigInt({ min, max: max < min + 200n ? max : min + 200n })
  return fc.oneof(small, fc.bigInt({ min, max })).map(Number)
}

function stringsOf({ pattern, format, minLength = 0, maxLength = 100 }: Schema) {
  const lengths = (text: string) => text.length >= minLength && text.length <= maxLength
  if (pattern) return fc.stringMatching(new RegExp(pattern, 'u')).filter(lengths)
  if (format === 'date-time') {
    const [min, max] = [new Date('2020-01-01'), new Date('2040-01-01')]
    return fc.date({ min, max, noInvalidDate: true }).map((date) => date.toISOString())
  }
  return fc.string({ unit: 'grapheme', minLength, maxLength }).filter(lengths)
}

function arraysOf(
  { items, minItems = 0, maxItems, uniqueItems }: OpenAPIV3_1.ArraySchemaObject,
  resolve: (reference: Reference) => Schema,
) {
  const lengths = { minLength: minItems, maxLength: Math.min(maxItems ?? MAX_ITEMS, MAX_ITEMS) }
  const values = valuesOf(items, resolve)
  return uniqueItems ? fc.uniqueArray(values, lengths) : fc.array(values, lengths)
}

function objectsOf(
  { properties = {}, required = [], minProperties = 0 }: Schema,
  resolve: (reference: Reference) => Schema,
) {
  const values = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, valuesOf(property, resolve)]),
  )
  return fc
    .record(values, { requiredKeys: required })
    .filter((value) => Object.keys(value).length >= minProperties)
}
