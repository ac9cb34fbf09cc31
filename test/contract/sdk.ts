import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import createClient from 'openapi-fetch'
import type { paths } from '../../contract/client/api.d.ts'
import { RELEASED } from '../../contract/files.ts'
import { type BuildOptions, build } from '../support/http/build.ts'
import { listen } from '../support/http/raw-http.ts'
import { createDocumentCheck } from './document-check.ts'

const faultsOf = createDocumentCheck(JSON.parse(readFileSync(RELEASED, 'utf8')), {
  isReleased: true,
})

/** The operations that clients called with success, such as `GET /me by cookie`. */
export type Operations = Set<string>

export type Client = ReturnType<typeof clientOf<paths>>

/** Builds a server and lets it listen. */
export async function serve(t: TestContext, options: BuildOptions) {
  const { app, log } = await build(t, options)
  return { app, log, url: `http://127.0.0.1:${await listen(app)}` }
}

/**
 * A client as users of the last release have it: openapi-fetch with the types that openapi-typescript
 * made of its document. A response that does not match that document is an error, as it is in SDKs
 * that parse responses. For operations that are newer, `Paths` is of `examples/typescript/api.d.ts`.
 *
 * @param called gets the operations
 * @param headers the caller's credential
 */
export function clientOf<Paths extends object = paths>(
  baseUrl: string,
  called: Operations,
  headers: Record<string, string> = {},
) {
  const client = createClient<Paths, 'application/json'>({ baseUrl, headers })
  const by = headers.cookie ? 'cookie' : headers.authorization ? 'token' : 'nobody'
  client.use({
    async onResponse({ request, response, schemaPath }) {
      const faults = faultsOf({
        method: request.method,
        url: schemaPath,
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.clone().text(),
      })
      if (faults.length > 0) throw new Error(`a released client fails: ${faults.join(', ')}`)
      if (response.ok) called.add(`${request.method} ${schemaPath} by ${by}`)
    },
  })
  return client
}

/** A client that has logged in, or that has created a token. */
export async function signedIn(
  called: Operations,
  baseUrl: string,
  { username, password }: { username: string; password: string },
  by: 'cookie' | 'token',
): Promise<Client> {
  const { response } = await clientOf(baseUrl, called).POST('/login', {
    body: { username, password },
  })
  const [cookie = ''] = response.headers.getSetCookie().map((text) => text.split(';', 1)[0])
  const client = clientOf(baseUrl, called, { cookie })
  if (by === 'cookie') return client
  const { data } = await client.POST('/tokens', { body: { name: 'test' } })
  return clientOf(baseUrl, called, { authorization: `Bearer ${data?.token}` })
}
