import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import type { OpenAPIV3_1 } from 'openapi-types'
import { IntrospectionRequest } from '../../routes/introspect/schemas.ts'
import { createDatabase } from '../support/database/database.ts'
import {
  type Account,
  giveToken,
  makeService,
  makeUser,
  signIn,
  storedSessions,
  storedTokens,
} from '../support/http/accounts.ts'
import { type App, build } from '../support/http/build.ts'
import { type GeneratedRequest, type Operation, requestsTo, targetOf } from './requests.ts'

const DATABASE_URL = await createDatabase()
const FORM = 'application/x-www-form-urlencoded'
const RUNS_EACH = 25
/** Some valid requests are refused nevertheless, such as those with a wrong current password. */
const SUCCESSES_TRIED = 30

const ACTORS = [
  ...(['nobody', 'user', 'admin', 'token of a user', 'token of an admin'] as const),
  'token of an admin that may introspect',
] as const
type Actor = (typeof ACTORS)[number]

const document: OpenAPIV3_1.Document = JSON.parse(readFileSync('openapi.json', 'utf8'))

for (const [path, item] of Object.entries(document.paths ?? {})) {
  for (const [method, operation] of Object.entries(item ?? {}) as [string, Operation][]) {
    // `build` checks every response against the document.
    test(`${method} ${path} responds as declared to random valid and invalid requests`, async (t: TestContext) => {
      const { app } = await build(t, { DATABASE_URL, LOGIN_THROTTLE_ENABLED: false })
      const ask = (request: GeneratedRequest, actor: Actor, onExisting: boolean) =>
        send(app, { method, path, operation }, request, actor, onExisting)
      const { valid, any } = requestsTo(document, operation)

      const counts = new Map<number, number>()
      const count = (status: number) => counts.set(status, (counts.get(status) ?? 0) + 1)
      for (const request of fc.sample(valid, SUCCESSES_TRIED)) {
        const actor = path.startsWith('/introspect')
          ? 'token of an admin that may introspect'
          : 'admin'
        count((await ask(request, actor, true)).statusCode)
        if (counts.get(200)) break
      }
      t.assert.ok(counts.get(200), `never carried out, but ${JSON.stringify([...counts])}`)

      await fc.assert(
        fc.asyncProperty(
          any,
          fc.constantFrom(...ACTORS),
          fc.boolean(),
          async (request, actor, onExisting) => {
            const { statusCode, body } = await ask(request, actor, onExisting)
            count(statusCode)
            t.assert.ok(operation.responses?.[statusCode], `${statusCode} is not declared`)
            t.assert.notStrictEqual(statusCode, 500, body)
            if (operation.operationId === 'verify') t.assert.ok(statusCode !== 429, body)
            else if (path === '/introspect' && hasIgnored(request)) return
            else if (!request.isValid) t.assert.ok(statusCode >= 400 && statusCode < 500, body)
            else if (!hasOtherRules(request)) {
              t.assert.doesNotMatch(body, /VALIDATION_FAILED|INVALID_JSON/)
            }
          },
        ),
        { numRuns: RUNS_EACH },
      )
      t.diagnostic([...counts].map(([status, times]) => `${status}: ${times}`).join(', '))
    })
  }
}

/** Cursors are signed and timestamps are limited, which no schema can express. */
function hasOtherRules({ parameters, body }: GeneratedRequest): boolean {
  const names = [
    'expiresAt',
    'scopes',
    'addressRanges',
    'address',
    'credentials',
    'token_type_hint',
  ]
  return 'cursor' in parameters || names.some((name) => name in Object(body))
}

interface Target {
  method: string
  path: string
  operation: Operation
}

/** @param onExisting with the id of an existing row, and with the right password */
async function send(
  app: App,
  { method, path, operation }: Target,
  request: GeneratedRequest,
  actor: Actor,
  onExisting: boolean,
) {
  const account = await makeUser(app, actor.includes('admin') ? 'admin' : 'user')
  const headers = await credentialsOf(app, actor, account)
  const isWanted = onExisting && request.isValid
  const { cursor: _, scope: __, anonymous: ___, ...others } = request.parameters // valid alone only, or signed
  const parameters = isWanted
    ? { ...others, ...(path.includes('{id}') && (await existingIds(app, path, account))) }
    : request.parameters
  const { username, password } = account
  const body = isWanted ? wantedBody(path, request.body, { username, password }) : request.body
  const conditions = ['If-Match', 'If-None-Match'].flatMap((name) =>
    !isWanted && parameters[name] !== undefined ? [[name, encodeURI(parameters[name])]] : [],
  )
  return app.inject({
    method: method.toUpperCase() as NonNullable<InjectOptions['method']>, // as the document has it
    url: targetOf(path, operation, parameters),
    headers: {
      ...headers,
      ...Object.fromEntries(conditions),
      ...(body !== undefined && {
        'content-type': path === '/introspect' ? FORM : 'application/json',
      }),
    },
    ...(body !== undefined && {
      payload: path === '/introspect' ? formOf(body) : JSON.stringify(body),
    }),
  })
}

/** Of a form, unknown parameters and those without a value are ignored, which no schema can express. */
function hasIgnored({ body }: GeneratedRequest): boolean {
  const known = Object.keys(IntrospectionRequest.properties)
  return Object.entries(Object(body)).some(([name, value]) => value === '' || !known.includes(name))
}

/** A body that is no object becomes a form without parameters. A property that is no text is sent twice. */
function formOf(body: unknown): string {
  const texts = Object.entries(Object(body)).flatMap(([name, value]): [string, string][] => {
    if (typeof value === 'string') return [[name.toWellFormed(), value.toWellFormed()]]
    return ['first', 'second'].map((text) => [name.toWellFormed(), text])
  })
  return new URLSearchParams(texts).toString()
}

async function credentialsOf(app: App, actor: Actor, account: Account) {
  if (actor === 'nobody') return {}
  if (actor.startsWith('token')) {
    const scopes = actor.endsWith('introspect') ? { scopes: ['introspect'] } : {}
    return (await giveToken(app, account, scopes)).headers
  }
  return { cookie: await signIn(app, account) }
}

/** A body that passes the rules that no schema can express. */
function wantedBody(path: string, body: unknown, login: object): unknown {
  if (path === '/login') return login
  if (path === '/introspect/batch') return { credentials: [{ token: 'unknown' }] }
  return body
}

async function existingIds(app: App, path: string, account: Account) {
  const id = await existingId(app, path, account)
  if (!path.includes('{tokenId}')) return { id }
  return { id, tokenId: String((await giveToken(app, { id: Number(id) })).id) }
}

/** The id of a session or token of the account, or of another account. */
async function existingId(app: App, path: string, account: Account): Promise<string> {
  await giveToken(app, account)
  const [session] = await storedSessions(app, account.id)
  const [token] = await storedTokens(app, account.id)
  if (path.startsWith('/sessions')) return String(session ?? 1)
  if (path.startsWith('/tokens')) return String(token ?? 1)
  if (path === '/users/{id}/tokens') return String((await makeService(app)).id)
  return String((await makeUser(app)).id)
}
