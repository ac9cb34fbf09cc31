import cors from '@fastify/cors'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import auth, { restrict } from '../plugins/auth/auth.ts'
import lastUsed from '../plugins/auth/last-used.ts'
import tokenFormat from '../plugins/auth/token-format.ts'
import jsonBody from '../plugins/bodies/json-body.ts'
import clientAddress from '../plugins/client-address.ts'
import connections from '../plugins/connections/connections.ts'
import crossSite from '../plugins/cross-site.ts'
import cursors from '../plugins/cursors.ts'
import database from '../plugins/database.ts'
import errorHandler from '../plugins/errors/error-handler.ts'
import rawErrors from '../plugins/errors/raw-errors.ts'
import faultLog from '../plugins/fault-log.ts'
import flaskSessions from '../plugins/flask-sessions/flask-sessions.ts'
import forwardedFor from '../plugins/forwarded-for.ts'
import idempotency from '../plugins/idempotency/idempotency.ts'
import inspections from '../plugins/inspections.ts'
import lookups from '../plugins/lookups.ts'
import metricSources from '../plugins/metrics/metric-sources.ts'
import metrics from '../plugins/metrics/metrics.ts'
import docsPage from '../plugins/openapi/docs-page.ts'
import openapi from '../plugins/openapi/openapi.ts'
import overload from '../plugins/overload.ts'
import passwords from '../plugins/passwords/passwords.ts'
import rateLimit from '../plugins/rate-limit/rate-limit.ts'
import requestLog from '../plugins/request-log.ts'
import responseHeaders from '../plugins/response-headers.ts'
import serverTiming from '../plugins/server-timing.ts'
import sessionCookie from '../plugins/sessions/session-cookie.ts'
import sessions from '../plugins/sessions/sessions.ts'
import sweeper from '../plugins/sweeper.ts'
import components from '../routes/common/components.ts'
import documents from '../routes/documents.ts'
import events from '../routes/events/events.ts'
import health from '../routes/health.ts'
import introspect from '../routes/introspect/introspect.ts'
import service from '../routes/service.ts'
import login from '../routes/sessions/login.ts'
import logout from '../routes/sessions/logout.ts'
import userSessions from '../routes/sessions/of-user.ts'
import ownSessions from '../routes/sessions/own.ts'
import { serviceTokenCreation, userTokens } from '../routes/tokens/of-user.ts'
import tokens from '../routes/tokens/tokens.ts'
import userDeletion from '../routes/users/delete.ts'
import userList from '../routes/users/list.ts'
import userReads from '../routes/users/read.ts'
import registration from '../routes/users/register.ts'
import services from '../routes/users/services.ts'
import userUpdate from '../routes/users/update.ts'
import passwordUpdate from '../routes/users/update-password.ts'
import verify from '../routes/verify/verify.ts'
import { type ResolvedConfig, splitList } from './config/config.ts'
import { CURSOR_KEY_PURPOSE, deriveKeys, TOKEN_KEY_PURPOSE } from './config/keys.ts'
import { retention, sessionLimits } from './config/limits.ts'
import { exchangeState } from './config/settings/flask.ts'
import { tracingOptions } from './config/settings/tracing.ts'
import { VERSION } from './config/version.ts'
import { databaseServers } from './server/database-servers.ts'
import { idempotencyOptions } from './server/idempotency-options.ts'
import { isRequestLogged, type LogStream, standardOutput } from './server/logger.ts'
import { MAX_PARAM_LENGTH, serverOptions } from './server/options.ts'

const MS_PER_S = 1_000
const SWEEP_INTERVAL_MS = 60_000

/** Builds the server, ready to listen. Rejects if the database is unavailable. */
export async function buildApp(
  config: ResolvedConfig,
  logStream: LogStream = standardOutput(config),
) {
  const app = Fastify(serverOptions(config, logStream)).withTypeProvider<TypeBoxTypeProvider>()
  try {
    await registerAll(app, config)
    return app
  } catch (error) {
    await app.close() // plugins registered before the failure hold connections
    throw error
  }
}

async function registerAll(app: FastifyInstance, config: ResolvedConfig): Promise<void> {
  const allowedOrigins = splitList(config.ALLOWED_ORIGINS)
  const secrets = splitList(config.SESSION_SECRET)
  const exchange = exchangeOptions(config)
  const throttled = config.LOGIN_THROTTLE_ENABLED
  const limits = sessionLimits(config)

  const traces = await tracesOf(config)
  if (traces) await app.register(traces.tracing, traces.options)
  if (config.METRICS_PORT !== undefined) await app.register(metrics, { version: VERSION })
  await app.register(connections)
  await app.register(clientAddress)
  await app.register(forwardedFor, { trusted: splitList(config.TRUST_PROXY) })
  await app.register(responseHeaders, { tls: config.COOKIE_SECURE })
  await app.register(rawErrors, { tls: config.COOKIE_SECURE })
  if (allowedOrigins.length > 0) await app.register(cors, corsOptions(allowedOrigins))
  await app.register(overload, { maxDelayMs: config.MAX_EVENT_LOOP_DELAY_MS })
  if (config.SERVER_TIMING) await app.register(serverTiming)
  if (config.RATE_LIMIT_ENABLED) await app.register(rateLimit, rateLimitOptions(config))
  await app.register(faultLog)
  await app.register(errorHandler, { maxParamLength: MAX_PARAM_LENGTH })
  await app.register(crossSite, { allowedOrigins })
  await app.register(jsonBody)
  const { changed, read } = await databaseServers(config)
  for (const servers of [changed, read]) {
    servers.onMove = (move) => app.log.warn(move, 'database connections go to another host')
  }
  await app.register(database, {
    servers: changed,
    timeoutMs: config.DATABASE_TIMEOUT_MS,
  })
  await app.register(lookups, { servers: read, limits })
  await app.register(inspections, { servers: read, limits })
  await app.register(sweeper, { ...retention(config), intervalMs: SWEEP_INTERVAL_MS })
  await app.register(lastUsed)
  await app.register(passwords, {
    cost: config.BCRYPT_COST,
    minLength: config.PASSWORD_MIN_LENGTH,
    queue: { concurrency: config.HASH_CONCURRENCY, maxWaiting: config.HASH_QUEUE },
  })
  if (config.METRICS_PORT !== undefined) await app.register(metricSources)
  if (traces) await app.register(traces.traceSources, { cost: config.BCRYPT_COST })
  await app.register(sessionCookie, {
    secrets,
    secure: config.COOKIE_SECURE,
    sameSite: config.COOKIE_SAME_SITE,
    maxAgeS: config.COOKIE_PERSISTENT ? config.SESSION_LIFETIME : undefined,
  })
  await app.register(cursors, { keys: deriveKeys(secrets, CURSOR_KEY_PURPOSE) })
  await app.register(tokenFormat, { keys: deriveKeys(secrets, TOKEN_KEY_PURPOSE) })
  await app.register(flaskSessions, { exchange, limits })
  await app.register(auth)
  await app.register(idempotency, idempotencyOptions(config, secrets))
  if (isRequestLogged(config)) await app.register(requestLog)
  await app.register(components)
  if (config.OPENAPI_ENABLED || config.DOCS_ENABLED) {
    await app.register(openapi, {
      version: VERSION,
      cookieName: app.sessionCookie.name,
      exchangesCookies: exchange !== undefined,
    })
  }

  // Anyone
  await app.register(service, serviceOptions(config))
  await app.register(health, { readsElsewhere: read !== changed })
  await app.register(verify)
  if (config.OPENAPI_ENABLED) await app.register(documents)
  if (config.DOCS_ENABLED) await app.register(docsPage)
  if (config.REGISTRATION === 'open') await app.register(registration)
  await app.register(async (scope) => {
    await scope.register(sessions)
    await scope.register(login, { limits, throttled })
  })

  // Signed-in users, by a session or a token
  await app.register(async (scope) => {
    restrict(scope, 'signedIn')
    await scope.register(userReads)
    await scope.register(ownSessions, limits)
    await scope.register(logout)
    await scope.register(async (service) => {
      restrict(service, 'introspector')
      await service.register(introspect)
    })

    await scope.register(async (session) => {
      restrict(session, 'session')
      await session.register(tokens, { maxPerUser: config.MAX_TOKENS })
      await session.register(async (own) => {
        restrict(own, 'ownOrAdmin')
        await own.register(passwordUpdate, { throttled })
      })
    })
    await scope.register(async (admin) => {
      restrict(admin, 'admin')
      await admin.register(userList)
      await admin.register(services)
      await admin.register(userUpdate)
      await admin.register(userDeletion)
      await admin.register(userSessions, limits)
      await admin.register(userTokens)
      await admin.register(events)
      await admin.register(async (session) => {
        restrict(session, 'session')
        await session.register(serviceTokenCreation, { maxPerUser: config.MAX_TOKENS })
      })
      if (config.REGISTRATION === 'admin') await admin.register(registration)
    })
  })
}

function corsOptions(allowedOrigins: string[]) {
  return {
    origin: allowedOrigins,
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      ...['etag', 'link', 'retry-after', 'x-request-id', 'idempotency-replayed'],
      ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
    ],
    strictPreflight: false, // its own refusal doesn't have the shape of our errors
  }
}

/**
 * Loads the code of traces, which delays the start, only where something is traced.
 *
 * @returns undefined if nothing is
 */
async function tracesOf(config: ResolvedConfig) {
  const options = tracingOptions(config, VERSION)
  if (!options) return undefined
  const { default: tracing } = await import('../plugins/tracing/tracing.ts')
  const { default: traceSources } = await import('../plugins/tracing/trace-sources.ts')
  return { options, tracing, traceSources }
}

/** @returns undefined if session cookies of the Flask service are not exchanged */
function exchangeOptions(config: ResolvedConfig) {
  const exchange = exchangeState(config, Date.now())
  if (exchange.state !== 'on') return undefined
  const maxAgeMs = config.FLASK_SESSION_LIFETIME * MS_PER_S
  const graceMs = config.FLASK_SESSIONS_GRACE * MS_PER_S
  return { secretKey: exchange.key, maxAgeMs, until: exchange.until, graceMs }
}

function serviceOptions(config: ResolvedConfig) {
  return {
    version: VERSION,
    hasOpenapi: config.OPENAPI_ENABLED,
    hasDocs: config.DOCS_ENABLED,
  }
}

function rateLimitOptions(config: ResolvedConfig) {
  return {
    max: config.RATE_LIMIT_MAX,
    windowMs: config.RATE_LIMIT_WINDOW * MS_PER_S,
    allowed: splitList(config.RATE_LIMIT_ALLOW),
    redisUrl: config.REDIS_URL,
  }
}
