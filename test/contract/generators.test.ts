// Rules that keep the document usable for code generators: docs/clients.md.
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { OpenAPIV3_1 } from 'openapi-types'
import { createDatabase } from '../support/database/database.ts'
import { build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { resolve } from './document-check.ts'
import { operationsOf, visit } from './operations.ts'

type Document = OpenAPIV3_1.Document
type Response = OpenAPIV3_1.ResponseObject
type Schema = OpenAPIV3_1.SchemaObject

const DATABASE_URL = await createDatabase()
const FILES = ['openapi.json', 'openapi-3.0.json']
const PROBLEM = 'application/problem+json'
/** As the RFCs write them; `RateLimit-…` is a draft. */
const HEADER_NAME = /^(ETag|WWW-Authenticate|(RateLimit|[A-Z][a-z]*)(-[A-Z][a-z]*)*)$/

for (const file of FILES) {
  const document: Document = JSON.parse(readFileSync(file, 'utf8'))
  const operations = operationsOf(document)
  const {
    schemas = {},
    responses = {},
    headers = {},
    securitySchemes = {},
  } = document.components ?? {}
  const follow = (node: object) => resolve<object>(document, node) ?? node

  test(`no schema of ${file} has a name that collides in generated code`, (t: TestContext) => {
    t.assert.deepStrictEqual(Object.keys(securitySchemes), ['sessionCookie', 'bearerToken'])
    const taken = [...Object.keys(securitySchemes), ...Object.keys(responses), 'Error']
    const lower = taken.map((name) => name.toLowerCase())
    for (const name of Object.keys(schemas)) {
      t.assert.ok(!lower.includes(name.toLowerCase()), name)
      t.assert.doesNotMatch(name, /^New[A-Z]/) // the constructor of another type, in Go
    }
  })

  test(`every enum of ${file} is a component, and has no value of another enum`, (t: TestContext) => {
    const found = new Map<string, string>()
    visit(document, (node, keys) => {
      if (!Array.isArray(node.enum)) return
      const at = keys.join('.')
      t.assert.match(at, /^components\.schemas\.\w+$/)
      for (const value of node.enum) {
        const constant = String(value).toUpperCase() // without its type, in Go
        t.assert.strictEqual(found.get(constant), undefined, `${at} ${value}`)
        found.set(constant, at)
      }
    })
    t.assert.ok(found.size > 60)
  })

  test(`nothing that the server returns has an upper limit of its length in ${file}`, (t: TestContext) => {
    let seen = 0
    const check = (node: Record<string, unknown>, keys: string[]) => {
      seen++
      const at = keys.join('.')
      for (const limit of ['maxLength', 'maxItems']) t.assert.ok(!Object.hasOwn(node, limit), at)
      t.assert.doesNotMatch(String(node.pattern), /\{\d+(,\d+)?\}/, at)
    }
    for (const operation of operations) visit(operation.responses, check, follow, [operation.name])
    visit(headers, check, follow)
    t.assert.ok(seen > 1_000)
  })

  test(`every operation of ${file} has a default response with the shape of errors`, (t: TestContext) => {
    for (const { name, responses: own = {} } of operations) {
      const { content } = resolve<Response>(document, own.default) ?? {}
      const schema = { $ref: '#/components/schemas/ApiError' }
      t.assert.deepStrictEqual(content?.['application/json']?.schema, schema, name)
    }
  })

  test(`every header of ${file} has its canonical name`, (t: TestContext) => {
    const names = new Set(Object.keys(headers))
    for (const { parameters = [], responses: own = {} } of operations) {
      for (const parameter of parameters) {
        if ('in' in parameter && parameter.in === 'header') names.add(parameter.name)
      }
      for (const response of Object.values(own)) {
        const declared = resolve<Response>(document, response)?.headers ?? {}
        for (const name of Object.keys(declared)) names.add(name)
      }
    }
    names.delete('InsufficientScope') // the component of a second meaning of WWW-Authenticate
    names.delete('RetryAfterInProgress') // the same for a Retry-After that only one code has
    t.assert.ok(names.has('Retry-After') && names.has('If-Match'))
    for (const name of names) t.assert.match(name, HEADER_NAME)
  })

  test(`what ${file} describes as creating links to what reads and what deletes`, (t: TestContext) => {
    const linked: string[] = []
    for (const { operationId = '', name, parameters = [], responses: own = {} } of operations) {
      const response = resolve<Response>(document, own[200])
      const schema = response?.content?.['application/json']?.schema
      const methods: string[] = []
      for (const [key, link] of Object.entries(response?.links ?? {})) {
        if ('$ref' in link) throw new Error('a link has no component')
        const at = `${name} to ${key}`
        const target = operations.find((other) => other.operationId === link.operationId)
        t.assert.ok(target, at)
        methods.push(target.name.split(' ', 1)[0] ?? '')
        const given = Object.keys(link.parameters ?? {})
        t.assert.deepStrictEqual(given, target.name.match(/(?<=\{)\w+(?=\})/g) ?? [], at)
        for (const expression of Object.values(link.parameters ?? {})) {
          t.assert.ok(
            exists(document, schema, parameters, String(expression)),
            `${at} ${expression}`,
          )
        }
      }
      if (methods.length === 0) continue
      linked.push(operationId)
      t.assert.ok(methods.includes('get'), name)
      t.assert.ok(methods.includes('delete') || operationId === 'login', name) // ended by POST /logout
    }
    const creating = ['createService', 'createServiceToken', 'createToken', 'createUser', 'login']
    t.assert.deepStrictEqual(linked.sort(), creating)
  })

  test(`POST /logout of ${file} is the operation, and GET is deprecated, alone`, (t: TestContext) => {
    const { get, post } = document.paths?.['/logout'] ?? {}
    t.assert.deepStrictEqual([get?.operationId, post?.operationId], ['logoutByGet', 'logout'])
    const deprecated = operations.filter((operation) => operation.deprecated)
    t.assert.deepStrictEqual(
      deprecated.map(({ operationId }) => operationId),
      ['logoutByGet'],
    )
  })

  test(`GET /${file}?errors=json has one media type for each error and no default response, and is the same otherwise`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const { body } = await send(app, 'GET', `/${file}?errors=json`)
    t.assert.ok(!body.includes(PROBLEM))
    const expected: Document = JSON.parse(readFileSync(file, 'utf8'))
    delete expected.components?.schemas?.Problem
    delete expected.components?.responses?.UnexpectedError
    visit(expected, (node) => delete node[PROBLEM])
    for (const { responses: own } of operationsOf(expected)) delete own?.default
    t.assert.deepStrictEqual(JSON.parse(body), expected)

    const others = await send(app, 'GET', `/${file}?version=3`)
    t.assert.deepStrictEqual(others.json(), JSON.parse(readFileSync(file, 'utf8')))
    assertError(t, await send(app, 'GET', `/${file}?errors=xml`), 400, 'VALIDATION_FAILED', [
      'querystring.errors',
    ])
  })
}

/** Whether a runtime expression names a parameter of the request, or a property of the response. */
function exists(
  document: Document,
  schema: Schema | OpenAPIV3_1.ReferenceObject | undefined,
  parameters: (OpenAPIV3_1.ParameterObject | OpenAPIV3_1.ReferenceObject)[],
  expression: string,
): boolean {
  const [, parameter] = /^\$request\.path\.(\w+)$/.exec(expression) ?? []
  if (parameter !== undefined) {
    return parameters.some((known) => 'in' in known && known.name === parameter)
  }
  const [, pointer] = /^\$response\.body#\/(.+)$/.exec(expression) ?? []
  if (pointer === undefined) return false
  let found = resolve<Schema>(document, schema)
  for (const key of pointer.split('/')) found = resolve<Schema>(document, found?.properties?.[key])
  return found?.type === 'integer'
}
