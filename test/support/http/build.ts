import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { InjectOptions } from 'fastify'
import { buildApp } from '../../../src/app.ts'
import { loadConfig, type ResolvedConfig } from '../../../src/config/config.ts'
import { createDocumentCheck, type Exchange } from '../../contract/document-check.ts'
import { LogCapture } from '../log-capture.ts'
import { watchResponses } from './response-watch.ts'

/** Low, so that tests do not spend their time on hashes. The settings require 10 at least. */
export const TEST_COST = 4

export const TEST_SECRET = 'a secret that the tests alone sign with'

/** Read once: each reading compiles the schema of the settings. */
const DEFAULTS = loadConfig({
  NODE_ENV: 'test',
  DATABASE_TIMEOUT_MS: '20000', // on a busy machine, concurrent changes of a row wait longer than the usual 2 s
  RATE_LIMIT_ENABLED: 'false',
  DOCS_ENABLED: 'false',
})

export type App = Awaited<ReturnType<typeof buildApp>>

export interface BuildOptions extends Partial<ResolvedConfig> {
  DATABASE_URL: string
  /** The test causes server errors, so errors in the log are expected. */
  failing?: boolean
}

/**
 * Builds the server as production does, with its log captured, and closes it after the test. The
 * test fails if a response does not match the document, or if the log contains an error or a value
 * that was passed to `keepSecret`.
 */
export async function build(t: TestContext, { failing = false, ...overrides }: BuildOptions) {
  const config: ResolvedConfig = {
    ...DEFAULTS,
    SESSION_SECRET: TEST_SECRET,
    BCRYPT_COST: TEST_COST,
    HASH_CONCURRENCY: 2,
    ...overrides,
  }
  const log = new LogCapture()
  const { app, exchanges } = await watchResponses(() => buildApp(config, log))
  const secrets = new Set<string>([config.SESSION_SECRET])
  if (config.FLASK_SECRET_KEY !== undefined) secrets.add(config.FLASK_SECRET_KEY)
  t.after(async () => {
    await app.close()
    const faults = faultsOf(app, config, exchanges)
    t.assert.deepStrictEqual(faults, [], 'every answer is as the document says')
    if (!failing) t.assert.deepStrictEqual(log.errors, [])
    for (const secret of secrets) {
      t.assert.ok(!log.text.includes(secret), 'the log holds no secret')
    }
  })
  return { app, log, keepSecret: (secret: string) => void secrets.add(secret) }
}

let checkCommitted: ReturnType<typeof createDocumentCheck> | undefined

/** Checks by the committed document, or by that of the server if its configuration changes it. */
function faultsOf(app: App, config: ResolvedConfig, exchanges: Exchange[]): string[] {
  if (exchanges.length === 0) return []
  if (config.REGISTRATION !== 'open' || config.FLASK_SECRET_KEY !== undefined) {
    return exchanges.flatMap(createDocumentCheck(JSON.parse(JSON.stringify(app.swagger()))))
  }
  checkCommitted ??= createDocumentCheck(JSON.parse(readFileSync('openapi.json', 'utf8')))
  return exchanges.flatMap(checkCommitted)
}

const FORM = 'application/x-www-form-urlencoded'

/** Sends a request, with a JSON body or a form, and with a cookie if they are given. */
export function send(
  app: App,
  method: NonNullable<InjectOptions['method']>,
  url: string,
  {
    cookie,
    body,
    form,
    headers,
  }: {
    cookie?: string
    body?: unknown
    form?: Record<string, string>
    headers?: Record<string, string>
  } = {},
) {
  return app.inject({
    method,
    url,
    headers: { ...(cookie && { cookie }), ...headers },
    ...(form && {
      payload: new URLSearchParams(form).toString(),
      headers: { 'content-type': FORM, ...(cookie && { cookie }), ...headers },
    }),
    ...(body !== undefined && {
      payload: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(cookie && { cookie }), ...headers },
    }),
  })
}
