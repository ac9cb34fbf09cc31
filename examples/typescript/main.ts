// Logs in, lists all accounts page by page, and waits when the server sends `retry-after`:
//   GATEHOUSE_PASSWORD=… node --import tsx examples/typescript/main.ts http://127.0.0.1:3000 ada
import { setTimeout as sleep } from 'node:timers/promises'
import createClient from 'openapi-fetch'
import type { ManagedUser, paths } from './api.d.ts'

const MAX_TRIES = 5
const MS_PER_S = 1_000

const [baseUrl = 'http://127.0.0.1:3000', username = ''] = process.argv.slice(2)
const password = process.env.GATEHOUSE_PASSWORD ?? ''

let cookie = '' // Node's fetch has no cookie jar
const client = createClient<paths, 'application/json'>({ baseUrl, fetch: fetchPatiently })

const { data, error, response } = await client.POST('/login', { body: { username, password } })
if (error) throw new Error(`${error.code}: ${error.message}`)
cookie = response.headers
  .getSetCookie()
  .map((text) => text.split(';', 1)[0])
  .join('; ')
console.log(`${data.message} ${data.user.username} is ${data.user.role}.`)

let count = 0
for await (const user of accounts()) {
  count++
  console.log(`${user.id} ${user.username}${user.disabled ? ' (disabled)' : ''}`)
}
console.log(`${count} accounts.`)
await client.POST('/logout')

/** All accounts, from all pages of the list. */
async function* accounts(): AsyncGenerator<ManagedUser> {
  let cursor: string | null | undefined
  do {
    const query = { limit: 100, ...(cursor && { cursor }) }
    const page = await client.GET('/users', { params: { query } })
    if (page.error) throw new Error(`${page.error.code}: ${page.error.message}`)
    yield* page.data.items
    cursor = page.data.nextCursor
  } while (cursor)
}

/** Repeats a request `retry-after` seconds after a 429 or a 503. All requests here are repeatable. */
async function fetchPatiently(request: Request): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const attempt = request.clone()
    if (cookie) attempt.headers.set('cookie', cookie)
    const response = await fetch(attempt)
    if (![429, 503].includes(response.status) || tries === MAX_TRIES) return response
    await response.body?.cancel()
    await sleep(Number(response.headers.get('retry-after') ?? 1) * MS_PER_S)
  }
}
