import { createServer } from 'node:http'
import { after } from 'node:test'
import { listenOnLoopback } from '../process/listen-on-loopback.ts'

/** Every fifth request is refused before the server sees it. */
const REFUSED_EACH = 5
/** Of every seventh request, the server's answer is lost. */
const LOST_EACH = 7

/**
 * Starts a proxy that refuses some requests with `503` and loses some answers. It runs until the file's tests
 * have ended.
 *
 * @param target URL of the server
 * @returns its URL
 */
export async function startLossyProxy(target: string): Promise<string> {
  let count = 0
  const server = createServer(async (request, response) => {
    count++
    if (count % REFUSED_EACH === 0) {
      request.resume()
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '0' }).end('{}')
      return
    }
    const isLost = count % LOST_EACH === 0
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = new Headers()
    for (const name of ['cookie', 'content-type', 'idempotency-key']) {
      const value = request.headers[name]
      if (typeof value === 'string') headers.set(name, value)
    }
    const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}
    const method = request.method ?? 'GET'
    const answer = await fetch(target + request.url, { method, headers, ...body })
    const content = await answer.text()
    if (isLost) {
      response.destroy()
      return
    }
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(content)
  })
  after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${await listenOnLoopback(server)}`
}

/** @returns the URL of a server that sends each response after a delay */
export async function startSlowServer(delayMs: number): Promise<string> {
  const server = createServer((_request, response) => {
    setTimeout(() => response.end('{}'), delayMs)
  })
  after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${await listenOnLoopback(server)}`
}
