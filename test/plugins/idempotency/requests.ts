import type { TestContext } from 'node:test'
import { idempotentResponses } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { type App, type BuildOptions, build, send } from '../../support/http/build.ts'

/** A password that registrations accept. */
export const PASSWORD = 'a wind from the old harbour'

/** Builds a server with a database of its own, so that all stored answers are of the test. */
export async function buildAlone(t: TestContext, options: Partial<BuildOptions> = {}) {
  const DATABASE_URL = await createDatabase()
  return { DATABASE_URL, ...(await build(t, { DATABASE_URL, ...options })) }
}

export function createToken(
  app: App,
  cookie: string,
  { key = 'one', name = 'job', headers = {} } = {},
) {
  const all = { 'idempotency-key': key, ...headers }
  return send(app, 'POST', '/tokens', { cookie, body: { name }, headers: all })
}

export function register(app: App, username: string, password: string, key = 'one') {
  const headers = { 'idempotency-key': key }
  return send(app, 'POST', '/user', { body: { username, password }, headers })
}

export function countAnswers(app: App): Promise<number> {
  return app.db.$count(idempotentResponses)
}
