import type { Config } from './config.ts'
import { Environment } from './environment.ts'

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
