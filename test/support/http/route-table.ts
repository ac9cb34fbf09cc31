import diagnostics from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { errors } from '../../../plugins/errors/errors.ts'
import { errorCodesOf } from '../../../plugins/openapi/responses.ts'
import { type BuildOptions, build } from './build.ts'

export interface Route {
  method: string
  url: string
  /** The statuses that the document declares for it. */
  statuses: Set<number>
}

/**
 * Builds the server and returns its routes, including those for HEAD. A hook on a built server is
 * too late to see them, so this one is added when Fastify reports that it initializes.
 */
export async function buildWithRoutes(t: TestContext, options: BuildOptions) {
  const seen: RouteOptions[] = []
  const observe = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance } // as Fastify documents the channel
    fastify.addHook('onRoute', (route) => void seen.push(route))
  }
  diagnostics.subscribe('fastify.initialization', observe)
  try {
    const built = await build(t, options)
    return { ...built, routes: seen.flatMap(toRoutes) } // by now the guards have added their errors
  } finally {
    diagnostics.unsubscribe('fastify.initialization', observe)
  }
}

function toRoutes(route: RouteOptions): Route[] {
  const { method, url } = route
  const refused = errorCodesOf(route).map((code) => new errors[code]().statusCode)
  const statuses = new Set([200, ...refused])
  return [method].flat().map((name) => ({ method: name, url, statuses }))
}
