import cookie from '@fastify/cookie'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import auth from '../plugins/auth.ts'
import database from '../plugins/database.ts'
import errorHandler from '../plugins/error-handler.ts'
import jsonBody from '../plugins/json-body.ts'
import passwords from '../plugins/passwords.ts'
import rateLimit from '../plugins/rate-limit.ts'
import rawErrors from '../plugins/raw-errors.ts'
import requestLog from '../plugins/request-log.ts'
import responseHeaders from '../plugins/response-headers.ts'
import sessionCookie from '../plugins/session-cookie.ts'
import sessions from '../plugins/sessions.ts'
import administration from '../routes/administration.ts'
import health from '../routes/health.ts'
import login from '../routes/login.ts'
import logout from '../routes/logout.ts'
import password from '../routes/password.ts'
import registration from '../routes/registration.ts'
import users from '../routes/users.ts'
import { type SettledConfig, splitList } from './config.ts'
import { type LogStream, standardOutput } from './logger.ts'
import { MAX_PARAM_LENGTH, serverOptions } from './server-options.ts'

const SESSION_LIFETIME_MS = 30 * 24 * 60 * 60 * 1_000

/** Builds the server, ready to listen. It rejects where the database can't be reached. */
export async function buildApp(config: SettledConfig, logStream: LogStream = standardOutput()) {
  const app = Fastify(serverOptions(config, logStream)).withTypeProvider<TypeBoxTypeProvider>()
  try {
    await registerAll(app, config)
    return app
  } catch (error) {
    await app.close() // the plugins before the one that failed hold connections
    throw error
  }
}

async function registerAll(app: FastifyInstance, config: SettledConfig): Promise<void> {
  await app.register(responseHeaders, { tls: config.COOKIE_SECURE })
  await app.register(rawErrors, { tls: config.COOKIE_SECURE })
  if (config.RATE_LIMIT_ENABLED) await app.register(rateLimit)
  await app.register(errorHandler, { maxParamLength: MAX_PARAM_LENGTH })
  await app.register(jsonBody)
  await app.register(cookie)
  await app.register(database, { url: config.DATABASE_URL })
  await app.register(passwords, {
    cost: config.BCRYPT_COST,
    minLength: config.PASSWORD_MIN_LENGTH,
  })
  await app.register(sessionCookie, {
    secrets: splitList(config.SESSION_SECRET),
    secure: config.COOKIE_SECURE,
  })
  await app.register(auth)
  await app.register(requestLog)

  // Anyone
  await app.register(health)
  if (config.REGISTRATION === 'open') await app.register(registration)
  await app.register(async (scope) => {
    await scope.register(sessions)
    await scope.register(login, { sessionLifetimeMs: SESSION_LIFETIME_MS })
  })

  // Whoever has a session
  await app.register(async (scope) => {
    scope.addHook('onRequest', scope.guard.session)
    await scope.register(users)

    await scope.register(async (ending) => {
      await ending.register(sessions)
      await ending.register(logout)
    })
    await scope.register(async (own) => {
      own.addHook('onRequest', own.guard.ownOrAdmin)
      await own.register(password)
    })
    await scope.register(async (admin) => {
      admin.addHook('onRequest', admin.guard.admin)
      await admin.register(administration)
      if (config.REGISTRATION === 'admin') await admin.register(registration)
    })
  })
}
