import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import type { OpenAPIV3_1 } from 'openapi-types'
import { texts } from '../support/arbitraries.ts'
import { absolute, resolve } from './document-check.ts'
import { anyJson, valuesOf } from './from-schema.ts'

type Document = OpenAPIV3_1.Document
type Schema = OpenAPIV3_1.SchemaObject
export type Parameter = OpenAPIV3_1.ParameterObject
export type Operation = OpenAPIV3_1.OperationObject

/** Longer than any parameter may be. */
const TOO_LONG = 1_001

/** A request that matches the schemas of its operation, or that has one invalid part. */
export interface GeneratedRequest {
  isValid: boolean
  parameters: Record<string, string>
  body: unknown
}

/** @returns generators of valid and invalid requests, by the schemas of the document */
export function requestsTo(document: Document, operation: Operation) {
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', ...document })
  const dereference = (node: object) => resolve<Schema>(document, node) ?? {}
  const accepts = (schema: object, value: unknown) => ajv.validate(absolute(schema), value)

  const parameters = (operation.parameters ?? []) as Parameter[]
  const bodySchema = bodySchemaOf(operation)
  const valid = fc.record({
    isValid: fc.constant(true),
    parameters: fc.record(
      Object.fromEntries(
        parameters.map(({ name, schema = {} }) => [
          name,
          valuesOf(schema, dereference).map(String),
        ]),
      ),
      { requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name) },
    ),
    body: bodySchema ? valuesOf(bodySchema, dereference) : fc.constant(undefined),
  })

  const wrongParameters = parameters
    .filter(({ in: place }) => place !== 'header') // any text is valid there
    .map(({ name, in: place, schema = {} }) =>
      fc.record({
        name: fc.constant(name),
        text: fc
          .oneof(texts, fc.constant(''), fc.constant('a'.repeat(TOO_LONG)))
          .filter((text) => isSent(place, text) && !acceptsText(dereference(schema), text)),
      }),
    )
  const wrongBodies = bodySchema
    ? [
        fc
          .oneof(anyJson, changed(valuesOf(bodySchema, dereference)))
          .filter((body) => !accepts(bodySchema, JSON.parse(JSON.stringify(body)))),
      ]
    : []
  const invalid = [
    ...wrongParameters.map((wrong) =>
      fc.tuple(valid, wrong).map(([request, { name, text }]) => ({
        ...request,
        isValid: false,
        parameters: { ...request.parameters, [name]: text },
      })),
    ),
    ...wrongBodies.map((wrong) =>
      fc.tuple(valid, wrong).map(([request, body]) => ({ ...request, isValid: false, body })),
    ),
  ]

  function acceptsText(schema: Schema, text: string): boolean {
    if (schema.type === 'boolean') return text === 'true' || text === 'false'
    if (schema.type !== 'integer') return accepts(schema, text) === true
    return /^[1-9][0-9]*$/.test(text) && accepts(schema, Number(text)) === true
  }

  return { valid, any: fc.oneof<fc.Arbitrary<GeneratedRequest>[]>(valid, ...invalid) }
}

/** @returns the path with its parameters, and the others as a query */
export function targetOf(path: string, operation: Operation, values: Record<string, string>) {
  let target = path
  const query = new URLSearchParams()
  for (const { name, in: place } of (operation.parameters ?? []) as Parameter[]) {
    const value = values[name]
    if (value === undefined || place === 'header') continue
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value))
    else query.set(name, value)
  }
  return query.size > 0 ? `${target}?${query}` : target
}

function bodySchemaOf({ requestBody }: Operation): Schema | undefined {
  if (!requestBody || '$ref' in requestBody) return undefined
  return Object.values(requestBody.content)[0]?.schema
}

/** Whether a URL can contain the text without becoming another path. */
function isSent(place: string, text: string): boolean {
  return text.isWellFormed() && !(place === 'path' && /^\.{0,2}$/.test(text))
}

/** Replaces one property with any JSON, or adds an unknown one. */
function changed(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(values, fc.nat(), anyJson, fc.boolean()).map(([value, index, other, isExtra]) => {
    const keys = Object.keys(Object(value))
    const name = isExtra ? 'role2' : (keys[index % Math.max(1, keys.length)] ?? 'role2')
    return { ...Object(value), [name]: other }
  })
}
