import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import Fastify from 'fastify'
import type { OpenAPIV3_1 } from 'openapi-types'
import cursors from '../../plugins/cursors.ts'
import { operationsOf } from '../contract/operations.ts'

const document: OpenAPIV3_1.Document = JSON.parse(readFileSync('openapi.json', 'utf8'))

/** The schemas of all parameters with the name `cursor`. */
const schemas = operationsOf(document).flatMap(({ parameters = [] }) =>
  parameters.flatMap((parameter) =>
    'in' in parameter && parameter.name === 'cursor' ? [parameter.schema as Schema] : [],
  ),
)
type Schema = OpenAPIV3_1.SchemaObject

function isValid({ pattern = '', maxLength = 0 }: Schema, text: string): boolean {
  return new RegExp(pattern, 'u').test(text) && text.length <= maxLength
}

test('every cursor that the server makes is valid by the document', async (t: TestContext) => {
  const app = Fastify()
  await app.register(cursors, { keys: [Buffer.alloc(32)] })
  t.after(() => app.close())
  t.assert.strictEqual(schemas.length, 6)
  const longest = '𝕏'.repeat(80) // a username of 80 characters of 4 bytes
  const names = fc.constantFrom('users', 'events newest', 'events oldest', 'tokens 1', 'sessions 1')
  const positions = fc.oneof(
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
  )
  fc.assert(
    fc.property(names, positions, (name, position) => {
      const cursor = app.cursors.encode(name, position)
      t.assert.ok(
        schemas.every((schema) => isValid(schema, cursor)),
        cursor,
      )
      t.assert.strictEqual(app.cursors.decode(name, cursor), String(position))
    }),
    {
      examples: [
        ['users', longest],
        ['users', 'a'],
        ['tokens 1', 0],
      ],
    },
  )
})

test('a text that the server cannot have made as a cursor is invalid by the document', (t: TestContext) => {
  for (const text of [
    '0',
    'a'.repeat(62),
    `${'a'.repeat(70)}=`,
    `${'a'.repeat(70)}+`,
    'a'.repeat(601),
  ]) {
    t.assert.ok(
      schemas.every((schema) => !isValid(schema, text)),
      text,
    )
  }
})
