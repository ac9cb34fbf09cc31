import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { isSchemaCurrent } from '../db/migrations.ts'
import { errors } from '../plugins/errors.ts'
import type { Handler } from './handler.ts'
import { responses } from './schemas.ts'

const READY_TIMEOUT_MS = 2_000

const healthSchema = { response: responses(Type.Object({ status: Type.String() })) }

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
    schema: { ...healthSchema, operationId: 'getLiveness' },
    handler: live,
  })
  app.route({
    method: 'GET',
    url: '/readyz',
    schema: { ...healthSchema, operationId: 'getReadiness' },
    handlerTimeout: READY_TIMEOUT_MS,
    handler: ready,
  })
}) satisfies FastifyPluginAsyncTypebox
