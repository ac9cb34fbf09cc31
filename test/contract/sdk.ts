import type { TestContext } from 'node:test'
import createClient from 'openapi-fetch'
import type { ErrorCode, paths } from '../../examples/typescript/api.d.ts'
import { type BuildOptions, build } from '../support/build.ts'
import { listen } from '../support/raw-http.ts'

/** What the clients of a test file have driven. */
export class Log {
  /** Those that were carried out, as `GET /me by cookie`. */
  readonly operations = new Set<string>()
  readonly codes = new Set<ErrorCode>()
}

export type Client = ReturnType<typeof clientOf>

/** Builds a server that listens. */
export async function serve(t: TestContext, options: BuildOptions) {
  const { app, log } = await build(t, options)
  return { app, log, url: `http://127.0.0.1:${await listen(app)}` }
}

/**
 * The client that a user has: the types by openapi-typescript, and openapi-fetch.
 *
 * @param headers what shows who asks
 */
export function clientOf(baseUrl: string, log: Log, headers: Record<string, string> = {}) {
  const client = createClient<paths, 'application/json'>({ baseUrl, headers })
  const by = headers.cookie ? 'cookie' : headers.authorization ? 'token' : 'nobody'
  client.use({
    onResponse({ request, response, schemaPath }) {
      if (response.ok) log.operations.add(`${request.method} ${schemaPath} by ${by}`)
    },
  })
  return client
}

/** A client that has logged in, or that has a token which it has made. */
export async function signedIn(
  log: Log,
  baseUrl: string,
  { username, password }: { username: string; password: string },
  by: 'cookie' | 'token',
): Promise<Client> {
  const { response } = await clientOf(baseUrl, log).POST('/login', { body: { username, password } })
  const [cookie = ''] = response.headers.getSetCookie().map((text) => text.split(';', 1)[0])
  const client = clientOf(baseUrl, log, { cookie })
  if (by === 'cookie') return client
  const { data } = await client.POST('/tokens', { body: { name: 'of a test' } })
  return clientOf(baseUrl, log, { authorization: `Bearer ${data?.token}` })
}
