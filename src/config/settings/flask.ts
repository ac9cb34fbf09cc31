import { Type } from '@sinclair/typebox'

/** The settings of a move from a Flask service, a part of `Environment`. */
export const flaskSettings = {
  FLASK_SECRET_KEY: Type.Optional(
    Type.String({
      title:
        '`SECRET_KEY` of the Flask service, or `hex:` and its bytes in hex; requires `FLASK_SESSIONS_UNTIL`',
      description:
        'Exchanges session cookies of the Flask service for sessions of imported accounts, each cookie once',
    }),
  ),
  FLASK_SESSIONS_UNTIL: Type.Optional(
    Type.String({
      format: 'exchange-end',
      title:
        'a date such as `2026-12-31`, until the end of that day in UTC, or a time such as `2026-12-31T18:00:00Z`; requires `FLASK_SECRET_KEY`',
      description: 'When the exchange of session cookies ends',
    }),
  ),
  FLASK_SESSIONS_GRACE: Type.Integer({
    minimum: 0,
    maximum: 60,
    default: 0,
    title: '0 to 60, in seconds',
    description:
      'How long an exchanged cookie still authenticates its new session, for pages that send several requests at once',
  }),
  FLASK_SESSION_LIFETIME: Type.Integer({
    minimum: 60,
    maximum: 315_360_000,
    default: 2_678_400,
    title: '60 to 315360000, in seconds; the default is 31 days',
    description:
      '`PERMANENT_SESSION_LIFETIME` of the Flask service: older session cookies are not exchanged',
  }),
}

const HEX_KEY = /^hex:((?:[0-9a-f]{2})+)$/i

/**
 * @param text the key as UTF-8, or `hex:` and its bytes: a key in Python can have bytes that are not
 *   UTF-8, which no environment variable can hold
 */
export function parseFlaskKey(text: string): Buffer {
  const hex = HEX_KEY.exec(text)?.[1]
  return hex === undefined ? Buffer.from(text) : Buffer.from(hex, 'hex')
}

const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/
/** RFC 3339, with or without seconds. */
const TIME =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?(Z|[+-][0-9]{2}:[0-9]{2})$/
export const DAY_MS = 24 * 60 * 60 * 1_000

/**
 * @param text a date, until the end of that day in UTC, or a date and time with a zone
 * @returns undefined if it is neither
 */
export function exchangeEnd(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const day = DAY.test(text) ? text : TIME.exec(text)?.[1]
  const midnight = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`)
  // `Date.parse` takes February 30 for March 2.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(`${day}T`)) {
    return undefined
  }
  const end = new Date(day === text ? midnight + DAY_MS : Date.parse(text))
  return Number.isNaN(end.getTime()) ? undefined : end
}

/** The settings of the exchange. Either both are set, or none. */
export interface ExchangeSettings {
  FLASK_SECRET_KEY?: string
  FLASK_SESSIONS_UNTIL?: string
}

/**
 * @param now in ms since 1970
 * @returns whether session cookies of the Flask service are exchanged, and until when
 */
export function exchangeState(
  { FLASK_SECRET_KEY, FLASK_SESSIONS_UNTIL }: ExchangeSettings,
  now: number,
): { state: 'off' } | { state: 'on' | 'over'; key: Buffer; until: Date } {
  const until = exchangeEnd(FLASK_SESSIONS_UNTIL)
  if (FLASK_SECRET_KEY === undefined || until === undefined) return { state: 'off' }
  const state = now < until.getTime() ? 'on' : 'over'
  return { state, key: parseFlaskKey(FLASK_SECRET_KEY), until }
}
