// Serves better-auth's own endpoints, and `/session`: a handler of one's own that reads the session
// with better-auth's function. Both are on plain node:http, without the cost of a framework.
import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node'
import { options } from './options.mjs'

const auth = betterAuth(options)
const handleAuth = toNodeHandler(auth)

async function handleSession(request, response) {
  const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) })
  response.setHeader('content-type', 'application/json').end(JSON.stringify(session))
}

createServer((request, response) =>
  (request.url === '/session' ? handleSession : handleAuth)(request, response),
).listen(Number(process.env.PORT), '127.0.0.1')
