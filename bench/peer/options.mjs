// better-auth for MySQL, as its documentation sets it up, with its fastest options.
import { createPool } from 'mysql2/promise'

const { DATABASE_URL = '', PORT = '0', SESSION_SECRET, COOKIE_CACHE } = process.env
const DAY_S = 86_400

export const options = {
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: SESSION_SECRET,
  database: createPool({ uri: DATABASE_URL, timezone: 'Z' }),
  emailAndPassword: { enabled: true },
  // The cached session outlasts a run, so that no request falls back to the database.
  session: { cookieCache: { enabled: COOKIE_CACHE === 'true', maxAge: DAY_S } },
  rateLimit: { enabled: true, storage: 'memory', window: 60, max: 1_000_000_000 }, // never reached
  advanced: { database: { joins: true } }, // one query per read instead of two
  // A warning would only say that all clients share one rate limit, as no proxy names their address.
  logger: { level: 'error' },
  telemetry: { enabled: false },
}
