// Logs in, lists all accounts part by part, and waits where the server asks for it:
//   GATEHOUSE_PASSWORD=… node --import tsx examples/typescript/main.ts http://127.0.0.1:3000 ada
import { setTimeout as sleep } from 'node:timers/promises'
import createClient from 'openapi-fetch'
import type { ManagedUser, paths } from './api.d.ts'

const MAX_TRIES = 5
const MS_PER_S = 1_000

const [baseUrl = 'http://127.0.0.1:3000', username = ''] = process.argv.slice(2)
const password = process.env.GATEHOUSE_PASSWORD ?? ''

let cookie = '' // Node's fetch keeps none
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

/** Every account, of however many parts the list has. */
async function* accounts(): AsyncGenerator<ManagedUser> {
  let cursor: string | null | undefined
  do {
    const query = { limit: 100, ...(cursor && { cursor }) }
    const part = await client.GET('/users', { params: { query } })
    if (part.error) throw new Error(`${part.error.code}: ${part.error.message}`)
    yield* part.data.items
    cursor = part.data.nextCursor
  } while (cursor)
}

/** Sends a request again after a 429 or a 503, when the server says: here all may be repeated. */
async function fetchPatiently(request: Request): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const attempt = request.clone()
    if (cookie) attempt.headers.set('cookie', cookie)
    const answer = await fetch(attempt)
    if (![429, 503].includes(answer.status) || tries === MAX_TRIES) return answer
    await answer.body?.cancel()
    await sleep(Number(answer.headers.get('retry-after') ?? 1) * MS_PER_S)
  }
}
