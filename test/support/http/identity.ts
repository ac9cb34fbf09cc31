import type { TestContext } from 'node:test'
import { eq } from 'drizzle-orm'
import { tokens } from '../../../db/schema.ts'
import { type Account, giveToken } from './accounts.ts'
import type { App } from './build.ts'

/** The identity headers of a response without an identity. */
export const ANONYMOUS = {
  'x-gatehouse-user-id': '',
  'x-gatehouse-username': '',
  'x-gatehouse-role': '',
  'x-gatehouse-credential': '',
  'x-gatehouse-scopes': '',
}

/** Asserts an empty 200 that carries exactly these identity headers, and nothing that a proxy would pass on. */
export function assertIdentity(
  t: TestContext,
  answer: { statusCode: number; headers: Record<string, unknown>; body: string },
  expected: Record<string, string>,
): void {
  t.assert.strictEqual(answer.statusCode, 200, answer.body)
  t.assert.strictEqual(answer.body, '')
  const entries = Object.entries(answer.headers)
  const identity = Object.fromEntries(entries.filter(([name]) => name.startsWith('x-gatehouse-')))
  t.assert.deepStrictEqual(identity, expected)
  t.assert.strictEqual(answer.headers['cache-control'], 'no-store')
  for (const name of ['set-cookie', 'etag', 'access-control-allow-origin', 'ratelimit-limit']) {
    t.assert.strictEqual(answer.headers[name], undefined, name)
  }
}

/** @returns the identity headers of an account */
export function identityOf(
  { id, username }: Account,
  credential: 'session' | 'token',
  { role = 'user', scopes = '*' } = {},
): Record<string, string> {
  return {
    'x-gatehouse-user-id': String(id),
    'x-gatehouse-username': username,
    'x-gatehouse-role': role,
    'x-gatehouse-credential': credential,
    'x-gatehouse-scopes': scopes,
  }
}

/** @returns the header of a new token of the account that is limited to the scopes */
export async function giveLimitedToken(app: App, account: Account, scopes: string) {
  const { id, headers } = await giveToken(app, account)
  await app.db
    .update(tokens)
    .set({ scopes: scopes.split(' ') })
    .where(eq(tokens.id, id))
  return headers
}
