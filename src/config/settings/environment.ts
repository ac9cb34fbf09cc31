import { Type } from '@sinclair/typebox'
import { browserSettings } from './browser.ts'
import { databaseSettings } from './database.ts'
import { flaskSettings } from './flask.ts'
import { logSettings } from './log.ts'
import { metricsSettings } from './metrics.ts'
import { tracingSettings } from './tracing.ts'

/** At least 32 characters, not counting the spaces around them. */
const SECRET = ' *[^, ][^,]{30,}[^, ] *'

/**
 * The environment variables. `title` lists the allowed values, `description` the effect. A test
 * compares both with the table in docs/configuration.md and with .env.example.
 */
export const Environment = Type.Object(
  {
    NODE_ENV: Type.Unsafe<'development' | 'test' | 'production'>({
      type: 'string',
      enum: ['development', 'test', 'production'],
      default: 'development',
      title: '`development`, `test` or `production`',
      description:
        '`production` requires `DATABASE_URL` and `SESSION_SECRET`, and changes the defaults of `COOKIE_SECURE` and `DOCS_ENABLED`',
    }),
    HOST: Type.String({
      default: '127.0.0.1',
      title: 'an IP address or a host name; `localhost` is 127.0.0.1',
      description: 'Address that the server listens on',
    }),
    PORT: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 3000,
      title: '0 to 65535; 0 picks a free port',
      description: 'Port that the server listens on',
    }),
    WORKERS: Type.String({
      pattern: '^([1-9]|[1-5][0-9]|6[0-4]|auto)$',
      default: '1',
      title: '1 to 64, or `auto` for one per core',
      description: 'Number of server processes',
    }),
    ...databaseSettings,
    SESSION_SECRET: Type.Optional(
      Type.String({
        pattern: `^${SECRET}(,${SECRET})*$`,
        title: '32 characters or more; several secrets are separated by commas',
        description:
          'Signs session cookies, tokens and page cursors, and encrypts the answers kept for retries: the first secret signs and encrypts, all of them verify and decrypt. Outside production, a missing secret is generated once under `.data/`',
      }),
    ),
    ...browserSettings,
    TRUST_PROXY: Type.Optional(
      Type.String({
        format: 'address-list',
        title: 'addresses or CIDR ranges, separated by commas',
        description: 'Proxies whose `X-Forwarded-*` headers the server trusts',
      }),
    ),
    BCRYPT_COST: Type.Integer({
      minimum: 10,
      maximum: 15,
      default: 12,
      title: '10 to 15',
      description: 'bcrypt cost of new password hashes; each step doubles the time',
    }),
    HASH_CONCURRENCY: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        title: '1 to 64; the default is the cores minus one, divided among the workers',
        description: 'Password hashes that each worker computes at the same time',
      }),
    ),
    HASH_QUEUE: Type.Integer({
      minimum: 0,
      maximum: 10_000,
      default: 100,
      title: '0 to 10000',
      description: 'Password hashes that can wait in each worker',
    }),
    PASSWORD_MIN_LENGTH: Type.Integer({
      minimum: 8,
      maximum: 64,
      default: 8,
      title: '8 to 64',
      description: 'Minimum length of a new password, in characters',
    }),
    REGISTRATION: Type.Unsafe<'open' | 'admin'>({
      type: 'string',
      enum: ['open', 'admin'],
      default: 'open',
      title: '`open` or `admin`',
      description: 'Who can register accounts: anyone, or only admins',
    }),
    SESSION_IDLE: Type.Integer({
      minimum: 300,
      maximum: 31_536_000,
      default: 86_400,
      title: '300 to 31536000, in seconds',
      description: 'A session expires this long after its last request, at most one minute early',
    }),
    SESSION_LIFETIME: Type.Integer({
      minimum: 300,
      maximum: 31_536_000,
      default: 2_592_000,
      title: '300 to 31536000, in seconds',
      description: 'A session expires this long after its login',
    }),
    MAX_SESSIONS: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 1_000,
      title: '1 to 10000',
      description: 'Live sessions per account; a login above it ends the oldest one',
    }),
    MAX_TOKENS: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 100,
      title: '1 to 10000',
      description: 'Tokens per account that have not expired; one more is refused',
    }),
    EVENTS_RETENTION: Type.Integer({
      minimum: 86_400,
      maximum: 315_360_000,
      default: 31_536_000,
      title: '86400 to 315360000, in seconds',
      description: 'How long the audit trail keeps an event',
    }),
    IDEMPOTENCY_RETENTION: Type.Integer({
      minimum: 60,
      maximum: 2_592_000,
      default: 86_400,
      title: '60 to 2592000, in seconds',
      description:
        'How long the answer to a request with an `Idempotency-Key` is kept for its retries',
    }),
    ...logSettings,
    OPENAPI_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description: 'Serves `/openapi.json` and `/openapi-3.0.json`',
    }),
    DOCS_ENABLED: Type.Optional(
      Type.Boolean({
        title: '`true` or `false`; the default is `false` in production and `true` otherwise',
        description:
          'Serves `/docs`, a page to read and try the operations, with its own copy of the document',
      }),
    ),
    RATE_LIMIT_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description: 'Limits the number of requests per address',
    }),
    RATE_LIMIT_MAX: Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      default: 6_000,
      title: '1 to 1000000000',
      description: 'Requests that an IPv4 address or an IPv6 /64 range can send in one window',
    }),
    RATE_LIMIT_WINDOW: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 60,
      title: '1 to 86400, in seconds',
      description: 'Length of the rate limit window',
    }),
    RATE_LIMIT_ALLOW: Type.Optional(
      Type.String({
        format: 'address-list',
        title: 'addresses or CIDR ranges, separated by commas',
        description: 'Clients that the rate limit skips, such as load generators',
      }),
    ),
    REDIS_URL: Type.Optional(
      Type.String({
        format: 'redis-url',
        title: '`redis://host:port`, or `rediss://host:port` for TLS',
        description:
          'Redis server that counts requests for all processes; without it, each process counts its own',
      }),
    ),
    MAX_EVENT_LOOP_DELAY_MS: Type.Integer({
      minimum: 50,
      maximum: 60_000,
      default: 500,
      title: '50 to 60000, in milliseconds',
      description:
        'While the event loop is later than this, requests are refused with `OVERLOADED`',
    }),
    LOGIN_THROTTLE_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description:
        'Delays logins to an account, and checks of its current password, after repeated failures',
    }),
    ...metricsSettings,
    ...tracingSettings,
    ...flaskSettings,
  },
  {
    if: { required: ['NODE_ENV'], properties: { NODE_ENV: { const: 'production' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['DATABASE_URL', 'SESSION_SECRET'] },
  },
)
