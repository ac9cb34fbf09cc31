import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { OpenAPIV3_1 } from 'openapi-types'
import { errors } from '../../plugins/errors/errors.ts'
import { createDatabase } from '../support/database/database.ts'
import { build, send } from '../support/http/build.ts'
import { absolute } from './document-check.ts'
import { contractFiles } from './files.ts'
import { operationsOf } from './operations.ts'

const DATABASE_URL = await createDatabase()
const document: OpenAPIV3_1.Document = JSON.parse(readFileSync('openapi.json', 'utf8'))
const operations = operationsOf(document)

test('the committed documents and client types equal what npm run openapi generates', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const [path, text] of Object.entries(await contractFiles(app))) {
    t.assert.ok(readFileSync(path, 'utf8') === text, `${path} is old: npm run openapi`)
  }
})

test('GET /openapi.json and /openapi-3.0.json return the committed documents without a credential', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const name of ['openapi.json', 'openapi-3.0.json']) {
    const answer = await send(app, 'GET', `/${name}`)
    t.assert.strictEqual(answer.statusCode, 200)
    t.assert.strictEqual(answer.headers['content-type'], 'application/json; charset=utf-8')
    t.assert.deepStrictEqual(answer.json(), JSON.parse(readFileSync(name, 'utf8')))
  }
})

test('the documents return 404 when they are switched off', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, OPENAPI_ENABLED: false })
  for (const name of ['openapi.json', 'openapi-3.0.json', 'docs', 'docs/json']) {
    t.assert.strictEqual((await send(app, 'GET', `/${name}`)).statusCode, 404)
  }
})

test('the document describes the configuration of its server', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, REGISTRATION: 'admin', COOKIE_SECURE: true })
  const { paths, components } = (await send(app, 'GET', '/openapi.json')).json()
  t.assert.deepStrictEqual(paths['/user'].post.security, [
    { sessionCookie: [] },
    { bearerToken: [] },
  ])
  t.assert.ok(paths['/user'].post.responses['401'])
  t.assert.strictEqual(components.securitySchemes.sessionCookie.name, '__Host-session')
})

test('every component has a readable name and a description, and is referenced', (t: TestContext) => {
  const text = JSON.stringify(document)
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    t.assert.match(name, /^[A-Z][A-Za-z]+$/)
    t.assert.ok(schema.description, name)
    t.assert.ok(text.includes(`"#/components/schemas/${name}"`), name)
  }
  for (const name of ['User', 'ApiError', 'Session', 'Token', 'Event', 'ErrorCode', 'Problem']) {
    t.assert.ok(document.components?.schemas?.[name], name)
  }
  t.assert.doesNotMatch(text, /def-\d|anyOf|oneOf|x-documented-as/)
})

test('every operation has a unique id in camel case, one described tag, a summary and a description', (t: TestContext) => {
  const ids = operations.map(({ operationId }) => operationId)
  t.assert.strictEqual(new Set(ids).size, ids.length)
  const tags = new Set(
    document.tags?.filter(({ description }) => description).map((tag) => tag.name),
  )
  for (const { name, operationId = '', summary, description, tags: own = [] } of operations) {
    t.assert.match(operationId, /^[a-z]+([A-Z][a-z]+)*$/, name)
    t.assert.ok(summary && description, name)
    t.assert.ok(own.length === 1 && own.every((tag) => tags.has(tag)), name)
  }
})

test('every operation declares the credentials that it accepts and the errors that it returns', (t: TestContext) => {
  const isPublic = ['getService', 'getLiveness', 'getReadiness', 'createUser', 'login']
  for (const { name, operationId = '', security, responses = {} } of operations) {
    const schemes = security?.flatMap(Object.keys)
    const expected = isPublic.includes(operationId)
      ? []
      : /^(create|list|end)Tokens?$|ServiceToken|updatePassword/.test(operationId)
        ? ['sessionCookie']
        : operationId.startsWith('introspect')
          ? ['bearerToken']
          : ['sessionCookie', 'bearerToken']
    t.assert.deepStrictEqual(schemes, expected, name)
    const elsewhere = operationId === 'verify' ? [] : [429, 500]
    for (const status of [400, 408, 431, 503, ...elsewhere]) t.assert.ok(responses[status], name)
    const mayBeGuarded = expected.length > 0 || operationId === 'createUser' // by REGISTRATION
    t.assert.strictEqual(responses[401] !== undefined, mayBeGuarded, name)
  }
  const { ErrorCode } = document.components?.schemas ?? {}
  t.assert.deepStrictEqual(ErrorCode?.enum, Object.keys(errors))
})

test('every error code is expected by a test', (t: TestContext) => {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  const tests = files.filter((name) => name.endsWith('.ts')).map((name) => join('test', name))
  const text = tests.map((path) => readFileSync(path, 'utf8')).join()
  const missing = Object.keys(errors).filter((code) => !text.includes(`'${code}'`))
  t.assert.deepStrictEqual(missing, [])
})

test('request bodies are closed and response bodies open, integers have a format and bounds, and strings of requests have a limit', (t: TestContext) => {
  const requests = operations.flatMap(({ requestBody }) =>
    requestBody ? [JSON.stringify(requestBody).match(/schemas\/(\w+)/)?.[1]] : [],
  )
  t.assert.deepStrictEqual(requests.length, 9)
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    const isRequest = requests.includes(name)
    if (schema.type === 'object') {
      t.assert.strictEqual(schema.additionalProperties, isRequest ? false : undefined, name)
    }
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      const at = `${name}.${key}`
      if ('$ref' in value) continue
      const types = [value.type].flat()
      if (types.includes('integer')) {
        t.assert.ok(value.format && value.minimum !== undefined && value.maximum, at)
        t.assert.ok(Number.isSafeInteger(value.maximum), at)
      }
      const isBounded = value.maxLength !== undefined || value.enum !== undefined
      if (isRequest && types.includes('string')) t.assert.ok(isBounded, at)
    }
  }
})

test('every example in the document matches its schema', (t: TestContext) => {
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', ...document })
  let seen = 0
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const examples = 'examples' in node && Array.isArray(node.examples) ? node.examples : []
    const schema = 'schema' in node && 'example' in node ? node.schema : node
    for (const example of 'example' in node ? [node.example] : examples) {
      seen++
      t.assert.ok(ajv.validate(absolute(schema as object), example), JSON.stringify(node))
    }
    for (const value of Object.values(node)) visit(value)
  }
  visit(document)
  t.assert.ok(seen > 30)
})
