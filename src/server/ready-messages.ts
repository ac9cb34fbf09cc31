import type { Config } from '../config/config.ts'
import { type ExchangeSettings, exchangeState } from '../config/settings/flask.ts'
import { VERSION } from '../config/version.ts'

interface ReadyMessagesOptions {
  config: Pick<
    Config,
    'DOCS_ENABLED' | 'RATE_LIMIT_ENABLED' | 'RATE_LIMIT_MAX' | 'RATE_LIMIT_WINDOW' | 'REDIS_URL'
  > &
    ExchangeSettings
  /** How many processes serve. */
  workers: number
  /** Where this machine reaches the server, unless only its workers know their port. */
  url: string | undefined
  /** Whether the database has the schema of this version. Until then, `/readyz` returns 503. */
  hasCurrentSchema: boolean
  /** The folder of the private database, if there is one. */
  dataFolder: string | undefined
  /** In ms since 1970. */
  now?: number
}

/** @returns what to log once the server listens */
export function readyMessages({
  config,
  workers,
  url,
  hasCurrentSchema,
  dataFolder,
  now = Date.now(),
}: ReadyMessagesOptions): string[] {
  return [
    `Gatehouse ${VERSION} ${hasCurrentSchema ? 'is ready' : 'listens, but is not ready: /readyz returns the reason'}`,
    ...(config.DOCS_ENABLED && url ? [`The API documentation is at ${url}/docs`] : []),
    ...(workers > 1 ? rateLimitMessage(config, workers) : []),
    ...exchangeMessage(config, now),
    ...(dataFolder === undefined
      ? []
      : [
          `The data is in ${dataFolder}`,
          'To create an admin: npm run --silent gatehouse -- user create NAME --role admin',
        ]),
  ]
}

/** Without Redis, the workers don't share a count, and connections are distributed among them. */
function rateLimitMessage(config: ReadyMessagesOptions['config'], workers: number): string[] {
  const { RATE_LIMIT_ENABLED, RATE_LIMIT_MAX: each, RATE_LIMIT_WINDOW, REDIS_URL } = config
  if (!RATE_LIMIT_ENABLED || REDIS_URL !== undefined) return []
  return [
    `Each of ${workers} workers counts requests by itself: an address can send ${each} to ${each * workers} in ${RATE_LIMIT_WINDOW} s. Set REDIS_URL to count them together`,
  ]
}

function exchangeMessage(config: ExchangeSettings, now: number): string[] {
  const exchange = exchangeState(config, now)
  if (exchange.state === 'off') return []
  const end = exchange.until.toISOString()
  return exchange.state === 'on'
    ? [`Session cookies of the Flask service are exchanged until ${end}`]
    : [
        `The exchange of Flask session cookies ended on ${end}. Remove FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL`,
      ]
}
