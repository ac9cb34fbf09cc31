import diagnostics from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { type BuildOptions, build } from './build.ts'

export interface Route {
  method: string
  url: string
  /** The statuses that the route's schema declares. */
  statuses: Set<number>
  takesBody: boolean
}

/**
 * Builds the server and tells which routes it has, those for HEAD too. A hook that is added to a
 * built server sees no route any more: this one is added when Fastify tells that it has begun.
 */
export async function buildWithRoutes(t: TestContext, options: BuildOptions) {
  const routes: Route[] = []
  const observe = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance } // as Fastify documents the channel
    fastify.addHook('onRoute', ({ method, url, schema }) => {
      const statuses = new Set(Object.keys(schema?.response ?? {}).map(Number))
      const takesBody = schema?.body !== undefined
      for (const name of [method].flat()) routes.push({ method: name, url, statuses, takesBody })
    })
  }
  diagnostics.subscribe('fastify.initialization', observe)
  try {
    return { ...(await build(t, options)), routes }
  } finally {
    diagnostics.unsubscribe('fastify.initialization', observe)
  }
}
