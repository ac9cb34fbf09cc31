// Logs in, lists all accounts page by page, makes a token, and repeats what has no answer or `retry-after`:
//   GATEHOUSE_PASSWORD=… node --import tsx examples/typescript/main.ts http://127.0.0.1:3000 ada
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import createClient from 'openapi-fetch'
import type { ManagedUser, paths } from './api.d.ts'

const MAX_TRIES = 5

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
const made = await client.POST('/tokens', { body: { name: 'example' } })
if (made.error) throw new Error(`${made.error.code}: ${made.error.message}`)
await client.DELETE('/tokens/{id}', { params: { path: { id: made.data.id } } })
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

/** Repeats a request without an answer, or with `retry-after`. The key makes that safe for changes. */
async function fetchPatiently(request: Request): Promise<Response> {
  if (request.method !== 'GET') request.headers.set('idempotency-key', randomUUID())
  for (let tries = 1; ; tries++) {
    const attempt = request.clone()
    if (cookie) attempt.headers.set('cookie', cookie)
    const isLast = tries === MAX_TRIES
    const answer = await fetch(attempt).catch((cause) => isLast && Promise.reject(cause))
    const waitS = answer ? answer.headers.get('retry-after') : '1'
    if (answer && (!waitS || isLast)) return answer
    await sleep(Number(waitS) * 1_000)
  }
}
