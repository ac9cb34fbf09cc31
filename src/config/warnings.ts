import type { Config } from './config.ts'
import { Environment } from './settings/environment.ts'
import { type ExchangeSettings, exchangeState } from './settings/flask.ts'

type Settings = Pick<
  Config,
  | 'BCRYPT_COST'
  | 'COOKIE_SECURE'
  | 'LOGIN_THROTTLE_ENABLED'
  | 'NODE_ENV'
  | 'RATE_LIMIT_ALLOW'
  | 'RATE_LIMIT_ENABLED'
>

/**
 * Warns of settings that suit load tests (load/README.md) and weaken a service in production, so
 * that one left on by mistake shows in the log.
 *
 * @returns one line for each such setting
 */
export function loadTestWarnings(config: Settings): string[] {
  const defaultCost = Number(Environment.properties.BCRYPT_COST.default)
  const warnings: [applies: boolean, line: string][] = [
    [
      !config.RATE_LIMIT_ENABLED,
      'RATE_LIMIT_ENABLED=false: the number of requests per address is not limited',
    ],
    [
      config.RATE_LIMIT_ENABLED && config.RATE_LIMIT_ALLOW !== undefined,
      `RATE_LIMIT_ALLOW=${config.RATE_LIMIT_ALLOW}: requests from these addresses are not limited`,
    ],
    [
      !config.LOGIN_THROTTLE_ENABLED,
      'LOGIN_THROTTLE_ENABLED=false: failed logins do not delay the next login',
    ],
    [
      config.NODE_ENV === 'production' && !config.COOKIE_SECURE,
      'COOKIE_SECURE=false in production: session cookies are also sent without TLS',
    ],
    [
      config.BCRYPT_COST < defaultCost,
      `BCRYPT_COST=${config.BCRYPT_COST}: password hashes are weaker than with the default, ${defaultCost}`,
    ],
  ]
  return warnings.flatMap(([applies, line]) => (applies ? [line] : []))
}

const SAFE_KEY_LENGTH = 16
/** What tutorials write where a key belongs. */
const PLACEHOLDER =
  /(?:your|my|our|this|the|very|super|some|top).{0,8}secret|secret.?key|change.?(?:me|this|it)|never.?guess|hard.to.guess|^(.)\1*$/i

/**
 * Warns of a key of the Flask service that someone can guess, while its cookies are exchanged.
 *
 * @param now in ms since 1970
 * @returns the line to log, which does not contain the key, or nothing
 */
export function flaskKeyWarnings(config: ExchangeSettings, now = Date.now()): string[] {
  const exchange = exchangeState(config, now)
  if (exchange.state !== 'on') return []
  const { key } = exchange
  const weakness =
    key.length < SAFE_KEY_LENGTH
      ? `has fewer than ${SAFE_KEY_LENGTH} bytes`
      : PLACEHOLDER.test(key.toString())
        ? 'looks like a placeholder'
        : undefined
  if (weakness === undefined) return []
  return [`FLASK_SECRET_KEY ${weakness}: anyone who guesses it can sign in as any imported account`]
}
