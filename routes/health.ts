import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { withTimeout } from '../db/client.ts'
import { databaseFault } from '../db/errors.ts'
import { isSchemaCurrent } from '../db/migrate.ts'
import { errors } from '../plugins/errors/errors.ts'
import { errorResponses } from '../plugins/openapi/declarations.ts'
import type { Handler } from './common/handler.ts'
import { ref, stringEnum } from './common/schemas.ts'

const READINESS_TIMEOUT_MS = 1_000
/** No account has this id. */
const NOBODY = 0

type Unreadiness = 'SCHEMA_OUTDATED' | 'DATABASE_UNAVAILABLE' | 'SHUTTING_DOWN'
/** Ready unless there is a code. */
type Readiness = { code?: Unreadiness; cause?: unknown }

export const HealthStatus = stringEnum(['alive', 'ready'], {
  $id: 'HealthStatus',
  description: '`alive` from `/livez`, `ready` from `/readyz`',
})

export const Health = Type.Object(
  { status: ref(HealthStatus) },
  { $id: 'Health', description: 'The state of the server' },
)

const getLivenessSchema = {
  operationId: 'getLiveness',
  tags: ['Health'],
  summary: 'Check whether the process responds',
  description: 'Does not query the database.',
  response: { 200: ref(Health) },
}

const getReadinessSchema = {
  operationId: 'getReadiness',
  tags: ['Health'],
  summary: 'Check whether the server can serve requests',
  description:
    'The database responds within 1 s, its schema is that of this version, and the server is not shutting down. Otherwise the code of the 503 gives the condition that fails.',
  response: {
    200: ref(Health),
    ...errorResponses('SCHEMA_OUTDATED', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN'),
  },
}

interface HealthOptions {
  /** Whether callers are looked up on other servers than those that take changes. */
  readsElsewhere: boolean
}

/** `GET /livez` and `GET /readyz`, for anyone. */
export default (async (app, { readsElsewhere }) => {
  const getLiveness: Handler<typeof getLivenessSchema> = async () => ({ status: 'alive' })

  const db = withTimeout(app.db, READINESS_TIMEOUT_MS)
  let lastLogged: Unreadiness | undefined
  const getReadiness: Handler<typeof getReadinessSchema> = async () => {
    const { code, cause } = await check()
    if (code !== lastLogged) {
      if (code) app.log.warn({ code, err: cause }, 'The server is not ready')
      else app.log.info('The server is ready again')
      lastLogged = code
    }
    if (code) throw new errors[code]()
    return { status: 'ready' }
  }

  /** Probes that arrive during a check share it. Its result is not kept. */
  let checking: Promise<Readiness> | undefined

  async function check(): Promise<Readiness> {
    if (app.connections.isDraining) return { code: 'SHUTTING_DOWN' }
    checking ??= checkDatabase().finally(() => {
      checking = undefined
    })
    const readiness = await checking
    return app.connections.isDraining ? { code: 'SHUTTING_DOWN' } : readiness
  }

  async function checkDatabase(): Promise<Readiness> {
    try {
      const lookup = readsElsewhere && app.lookups.find({ userId: NOBODY })
      const [isCurrent] = await Promise.all([isSchemaCurrent(db), lookup])
      return isCurrent ? {} : { code: 'SCHEMA_OUTDATED' }
    } catch (cause) {
      if (databaseFault(cause)) return { code: 'DATABASE_UNAVAILABLE', cause }
      throw cause
    }
  }

  const config = { isAlwaysServed: true, rateLimit: false } as const
  app.route({
    method: 'GET',
    url: '/livez',
    config,
    schema: getLivenessSchema,
    handler: getLiveness,
  })
  app.route({
    method: 'GET',
    url: '/readyz',
    config,
    schema: getReadinessSchema,
    handler: getReadiness,
  })
}) satisfies FastifyPluginAsyncTypebox<HealthOptions>
