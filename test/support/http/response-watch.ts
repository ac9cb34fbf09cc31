import diagnostics from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import type { Exchange } from '../../contract/document-check.ts'

/**
 * Builds a server whose responses are recorded as they go to the socket, except those made before
 * routing and those of routes that a test adds. They are checked later, so that the check does not
 * disturb tests that measure time.
 *
 * @param make builds the server, and has begun to when it returns
 * @returns the result of `make`, and the responses so far
 */
export async function watchResponses<App>(make: () => Promise<App>) {
  const exchanges: Exchange[] = []
  const ownRoutes = new Set<string>()
  let isBuilt = false
  const observe = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance } // as Fastify documents the channel
    fastify.addHook('onRoute', ({ url }) => {
      if (!isBuilt) ownRoutes.add(url)
    })
    fastify.addHook('onRequest', ({ method, routeOptions: { url } }, { raw }, done) => {
      let head: Pick<Exchange, 'status' | 'headers'> | undefined
      const { writeHead, end } = raw
      raw.writeHead = (status: number, ...rest: unknown[]) => {
        head = { status, headers: Object(rest.at(-1)) }
        return Reflect.apply(writeHead, raw, [status, ...rest])
      }
      raw.end = (...parts: unknown[]) => {
        const [payload] = parts
        const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? String(payload) : ''
        const isOwn = url === undefined || ownRoutes.has(url)
        if (head && isOwn) exchanges.push({ method, url, ...head, body })
        return Reflect.apply(end, raw, parts)
      }
      done()
    })
  }
  diagnostics.subscribe('fastify.initialization', observe)
  let making: Promise<App>
  try {
    making = make()
  } finally {
    diagnostics.unsubscribe('fastify.initialization', observe)
  }
  const app = await making
  isBuilt = true
  return { app, exchanges }
}
