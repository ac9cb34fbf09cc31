import type { Config } from '../../config/config.ts'
import { DAY_MS, exchangeState } from '../../config/settings/flask.ts'
import { flaskKeyWarnings, loadTestWarnings } from '../../config/warnings.ts'
import { type Check, ok, warn } from './check.ts'

/** Checks the settings alone. That they are valid was checked when they were read. */
export function checkSettings(config: Config, now = Date.now()): Check[] {
  return [
    ok('settings', 'are valid'),
    ...loadTestWarnings(config).map((line) =>
      warn('settings', line, 'Change the setting, unless this is a load test'),
    ),
    checkExchange(config, now),
    ...flaskKeyWarnings(config, now).map((line) =>
      warn(
        'flask sessions',
        line,
        'Set an earlier FLASK_SESSIONS_UNTIL, or remove FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL',
      ),
    ),
  ]
}

function checkExchange(config: Config, now: number): Check {
  const subject = 'flask sessions'
  const exchange = exchangeState(config, now)
  if (exchange.state === 'off') return ok(subject, 'are not exchanged')
  const end = exchange.until.toISOString()
  if (exchange.state === 'on') {
    const days = Math.ceil((exchange.until.getTime() - now) / DAY_MS)
    const text = `cookies of the Flask service are exchanged until ${end} (days left: ${days})`
    return ok(subject, text)
  }
  return warn(
    subject,
    `the exchange ended on ${end}`,
    'Remove FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL, and run `gatehouse import --forget`',
  )
}
