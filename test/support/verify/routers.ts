import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import Fastify from 'fastify'

/** The parts of the service in examples/verify, and `other` for the rest. */
export const AREAS = ['admin', 'orders', 'public', 'other']

/** Finds the areas of a service that a request target reaches, one for each router. */
export type Route = (url: string) => Promise<Record<string, string>>

/**
 * Starts a service with each router. Each receives a path as a proxy sends it: a client library would
 * normalise the path first.
 */
export async function startRouters(t: TestContext): Promise<Route> {
  const ports = {
    express: await startServer(t, await expressListener()),
    fastify: await startFastify(t, {}),
    'lenient fastify': await startFastify(t, {
      ...{ caseSensitive: false, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
      useSemicolonDelimiter: true,
    }),
  }
  const known = new Map<string, Record<string, string>>()
  return async (url) => {
    const reached = known.get(url) ?? { 'a careless decoder': decodedArea(url) }
    for (const [name, port] of Object.entries(ports)) reached[name] ??= await areaAt(port, url)
    known.set(url, reached)
    return reached
  }
}

async function areaAt(port: number, path: string): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, path })
  sent.end()
  const [response] = await once(sent, 'response')
  const area = await text(response)
  return response.statusCode === 200 ? area : 'none'
}

async function expressListener(): Promise<RequestListener> {
  const name = 'express' // it has no types
  const { default: express } = await import(name)
  const service = express()
  for (const area of AREAS) {
    const handler = (_: unknown, response: { end(text: string): void }) => response.end(area)
    service.use(area === 'other' ? '/' : `/${area}`, handler)
  }
  return service as RequestListener // as Express documents it
}

async function startFastify(t: TestContext, routerOptions: object): Promise<number> {
  const service = Fastify({ routerOptions })
  for (const area of AREAS) {
    const urls = area === 'other' ? ['/*'] : [`/${area}`, `/${area}/*`]
    for (const url of urls) service.get(url, async () => area)
  }
  t.after(() => service.close())
  await service.listen({ host: '127.0.0.1', port: 0 })
  return (service.server.address() as AddressInfo).port // what a TCP server returns
}

async function startServer(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port // what a TCP server returns
}

/** What a program finds that decodes twice, drops path parameters and resolves dot segments and backslashes. */
function decodedArea(url: string): string {
  let [path = ''] = url.split(/[?#]/)
  for (let times = 0; times < 2; times++) {
    path = path.replaceAll(/%[0-9a-f]{2}/gi, (encoded) =>
      String.fromCharCode(Number.parseInt(encoded.slice(1), 16)),
    )
  }
  const segments: string[] = []
  for (const segment of path.toLowerCase().replaceAll('\\', '/').split('/')) {
    const [name = ''] = segment.split(';')
    if (name === '..') segments.pop()
    else if (name !== '.' && name !== '') segments.push(name)
  }
  return AREAS.find((area) => area === segments[0]) ?? 'other'
}
