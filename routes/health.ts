import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { isSchemaCurrent } from '../db/migrate.ts'
import { errors } from '../plugins/errors/errors.ts'
import type { Handler } from './common/handler.ts'
import { ref, stringEnum } from './common/schemas.ts'

const READY_TIMEOUT_MS = 2_000

export const Health = Type.Object(
  { status: stringEnum(['alive', 'ready']) },
  { $id: 'Health', description: 'How the server is' },
)

const healthSchema = { tags: ['Health'], response: { 200: ref(Health) } }

/** `GET /livez`: the process answers. `GET /readyz`: it can serve. */
export default (async (app) => {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })

  const live: Handler<typeof healthSchema> = async () => ({ status: 'alive' })

  const ready: Handler<typeof healthSchema> = async () => {
    if (closing || !(await isSchemaCurrent(app.db))) throw new errors.SERVICE_UNAVAILABLE()
    return { status: 'ready' }
  }

  app.route({
    method: 'GET',
    url: '/livez',
    schema: {
      ...healthSchema,
      operationId: 'getLiveness',
      summary: 'Ask whether the process answers',
      description: 'It asks nothing of the database.',
    },
    handler: live,
  })
  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      ...healthSchema,
      operationId: 'getReadiness',
      summary: 'Ask whether the server can serve',
      description:
        'The database answers, its schema is that of this version, and the server is not shutting down.',
    },
    handlerTimeout: READY_TIMEOUT_MS,
    handler: ready,
  })
}) satisfies FastifyPluginAsyncTypebox
