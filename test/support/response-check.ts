import diagnostics from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createDocumentCheck, type Exchange } from '../contract/document-check.ts'

type Check = ReturnType<typeof createDocumentCheck>

let checkCommitted: Check | undefined

/**
 * Builds a server whose answers are watched as they go to the socket, and compared with the
 * document.
 *
 * @param hasOwnDocument whether its configuration makes another document than the committed one
 * @param make builds the server; it has begun to when it returns
 * @returns what `make` did, and the faults that were found so far
 */
export async function watchResponses<App>(hasOwnDocument: boolean, make: () => Promise<App>) {
  const faults = new Set<string>()
  let checkOwn: Check | undefined

  function check(server: FastifyInstance, exchange: Exchange): string[] {
    if (!hasOwnDocument) {
      checkCommitted ??= createDocumentCheck(JSON.parse(readFileSync('openapi.json', 'utf8')))
      return checkCommitted(exchange)
    }
    checkOwn ??= createDocumentCheck(JSON.parse(JSON.stringify(server.swagger())))
    return checkOwn(exchange)
  }

  const observe = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance } // as Fastify documents the channel
    fastify.addHook('onRequest', (request, { raw }, done) => {
      let head: Pick<Exchange, 'status' | 'headers'> | undefined
      const { writeHead, end } = raw
      raw.writeHead = (status: number, ...rest: unknown[]) => {
        head = { status, headers: Object(rest.at(-1)) }
        return Reflect.apply(writeHead, raw, [status, ...rest])
      }
      raw.end = (...parts: unknown[]) => {
        const [payload] = parts
        const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? String(payload) : ''
        if (head) {
          const exchange = { ...routeOf(request), ...head, body }
          for (const fault of check(request.server, exchange)) faults.add(fault)
        }
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
  return { app: await making, faults }
}

function routeOf({ method, routeOptions }: FastifyRequest) {
  return { method, url: routeOptions.url }
}
