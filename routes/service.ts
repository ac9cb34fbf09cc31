import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Negotiator from 'negotiator'
import { redirect } from '../plugins/openapi/declarations.ts'
import type { Handler } from './common/handler.ts'
import { ref } from './common/schemas.ts'

export interface ServiceOptions {
  /** The version of the package. */
  version: string
  /** Whether `/openapi.json` is served. */
  hasOpenapi: boolean
  /** Whether the page `/docs` is served. */
  hasDocs: boolean
}

const path = (example: string) => Type.String({ examples: [example] })

export const Service = Type.Object(
  {
    name: Type.String({ examples: ['Gatehouse'] }),
    version: Type.String({ examples: ['1.0.0'] }),
    links: Type.Object({
      liveness: path('/livez'),
      readiness: path('/readyz'),
      openapi: Type.Optional(path('/openapi.json')),
      docs: Type.Optional(path('/docs')),
    }),
  },
  {
    $id: 'Service',
    description: 'The name and the version of this server, and links to its other resources',
  },
)

const getServiceSchema = {
  operationId: 'getService',
  tags: ['Health'],
  summary: 'Read the name and the version of the server',
  description:
    'Does not query the database. `links` lists the paths that are enabled on this server.',
  response: {
    200: ref(Service),
    ...redirect('The client prefers HTML, and the server has a documentation page'),
  },
}

/** `GET /`, for anyone. */
export default (async (app, { version, hasOpenapi, hasDocs }) => {
  const service = {
    name: 'Gatehouse',
    version,
    links: {
      liveness: '/livez',
      readiness: '/readyz',
      ...(hasOpenapi && { openapi: '/openapi.json' }),
      ...(hasDocs && { docs: '/docs' }),
    },
  }

  const getService: Handler<typeof getServiceSchema> = async ({ headers: { accept } }, reply) => {
    const isBrowser =
      accept !== undefined &&
      new Negotiator({ headers: { accept } }).mediaType(['application/json', 'text/html']) ===
        'text/html'
    return isBrowser && hasDocs ? reply.redirect('/docs') : service
  }

  app.route({
    method: 'GET',
    url: '/',
    schema: getServiceSchema,
    handler: getService,
  })
}) satisfies FastifyPluginAsyncTypebox<ServiceOptions>
