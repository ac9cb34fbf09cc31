import type { Config } from './config.ts'
import { Environment } from './environment.ts'

type Switches = Pick<
  Config,
  | 'BCRYPT_COST'
  | 'COOKIE_SECURE'
  | 'LOGIN_THROTTLE_ENABLED'
  | 'NODE_ENV'
  | 'RATE_LIMIT_ALLOW'
  | 'RATE_LIMIT_ENABLED'
>

/**
 * What is set as load tests want it and as a service in use seldom does: load/README.md tells of
 * each. One that was left on by mistake is to be seen in the log.
 *
 * @returns a line for each
 */
export function loadSwitches(config: Switches): string[] {
  const usualCost = Number(Environment.properties.BCRYPT_COST.default)
  const switches: [isOn: boolean, line: string][] = [
    [!config.RATE_LIMIT_ENABLED, 'RATE_LIMIT_ENABLED=false: requests are not limited by address'],
    [
      config.RATE_LIMIT_ENABLED && config.RATE_LIMIT_ALLOW !== undefined,
      `RATE_LIMIT_ALLOW=${config.RATE_LIMIT_ALLOW}: these are not limited by address`,
    ],
    [
      !config.LOGIN_THROTTLE_ENABLED,
      'LOGIN_THROTTLE_ENABLED=false: failed logins do not delay the next',
    ],
    [
      config.NODE_ENV === 'production' && !config.COOKIE_SECURE,
      'COOKIE_SECURE=false in production: session cookies are sent without TLS, too',
    ],
    [
      config.BCRYPT_COST < usualCost,
      `BCRYPT_COST=${config.BCRYPT_COST}: a password hash is cheaper than by the usual ${usualCost}`,
    ],
  ]
  return switches.flatMap(([isOn, line]) => (isOn ? [line] : []))
}
