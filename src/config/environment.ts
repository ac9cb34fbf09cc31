import { Type } from '@sinclair/typebox'

/** 32 characters or more, not counting spaces around them. */
const SECRET = ' *[^, ][^,]{30,}[^, ] *'

/**
 * The environment variables. `title` is the allowed values, `description` the effect. A test
 * compares both with the documentation and with `.env.example`.
 */
export const Environment = Type.Object(
  {
    NODE_ENV: Type.Unsafe<'development' | 'test' | 'production'>({
      type: 'string',
      enum: ['development', 'test', 'production'],
      default: 'development',
      title: '`development`, `test` or `production`',
      description: '`production` requires `DATABASE_URL` and `SESSION_SECRET`',
    }),
    HOST: Type.String({
      default: '127.0.0.1',
      title: 'an address',
      description: 'where to listen',
    }),
    PORT: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 3000,
      title: '0 to 65535; 0 takes a free one',
      description: 'where to listen',
    }),
    WORKERS: Type.String({
      pattern: '^([1-9]|[1-5][0-9]|6[0-4]|auto)$',
      default: '1',
      title: '1 to 64, or `auto`: one a core',
      description: 'how many processes serve',
    }),
    DATABASE_URL: Type.Optional(
      Type.String({
        format: 'database-url',
        title: '`mysql://user:password@host:port/database`',
        description: 'MySQL or MariaDB; without it, a private server under `.data/`',
      }),
    ),
    SESSION_SECRET: Type.Optional(
      Type.String({
        pattern: `^${SECRET}(,${SECRET})*$`,
        title: '32 characters or more, several with commas between',
        description: 'signs the session cookies: the first signs, all verify',
      }),
    ),
    COOKIE_SECURE: Type.Optional(
      Type.Boolean({
        title: '`true` or `false`; `true` in production, else `false`',
        description: 'whether clients come by TLS: `Secure`, a `__Host-` cookie, HSTS',
      }),
    ),
    TRUST_PROXY: Type.Optional(
      Type.String({
        format: 'address-list',
        title: 'addresses or CIDRs with commas between',
        description: 'the proxies whose `X-Forwarded-` headers are believed',
      }),
    ),
    BCRYPT_COST: Type.Integer({
      minimum: 10,
      maximum: 15,
      default: 12,
      title: '10 to 15',
      description: 'the cost of a password hash: one more doubles the time',
    }),
    HASH_CONCURRENCY: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        title: '1 to 64; without it, cores less one, shared out among workers',
        description: 'how many password hashes a worker computes at once',
      }),
    ),
    HASH_QUEUE: Type.Integer({
      minimum: 0,
      maximum: 10_000,
      default: 100,
      title: '0 to 10000',
      description: 'how many password hashes may wait in a worker',
    }),
    PASSWORD_MIN_LENGTH: Type.Integer({
      minimum: 8,
      maximum: 64,
      default: 8,
      title: '8 to 64',
      description: 'the least characters of a new password',
    }),
    REGISTRATION: Type.Unsafe<'open' | 'admin'>({
      type: 'string',
      enum: ['open', 'admin'],
      default: 'open',
      title: '`open` or `admin`',
      description: 'who may create users: anyone, or admins only',
    }),
    SESSION_IDLE: Type.Integer({
      minimum: 300,
      maximum: 31_536_000,
      default: 86_400,
      title: '300 to 31536000, in s',
      description: 'how long a session lasts without a request, to a minute',
    }),
    SESSION_LIFETIME: Type.Integer({
      minimum: 300,
      maximum: 31_536_000,
      default: 2_592_000,
      title: '300 to 31536000, in s',
      description: 'how long a session lasts at most',
    }),
    EVENTS_RETENTION: Type.Integer({
      minimum: 86_400,
      maximum: 315_360_000,
      default: 31_536_000,
      title: '86400 to 315360000, in s',
      description: 'how long the audit trail is kept',
    }),
    ALLOWED_ORIGINS: Type.Optional(
      Type.String({
        format: 'origin-list',
        title: 'origins such as `https://app.example`, with commas between',
        description: 'the sites whose pages may send requests with the cookie',
      }),
    ),
    LOG_LEVEL: Type.Unsafe<'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'>({
      type: 'string',
      enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      default: 'info',
      title: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
      description: 'the least serious lines that are logged',
    }),
    SERVER_TIMING: Type.Boolean({
      default: false,
      title: '`true` or `false`',
      description: 'whether answers tell by `Server-Timing` how long they took',
    }),
    OPENAPI_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description: 'whether `/openapi.json` and `/openapi-3.0.json` are there',
    }),
    DOCS_ENABLED: Type.Optional(
      Type.Boolean({
        title: '`true` or `false`; `false` in production, else `true`',
        description: 'whether `/docs` is there, a page to try the operations, with their document',
      }),
    ),
    RATE_LIMIT_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description: 'whether requests are limited by address',
    }),
    RATE_LIMIT_MAX: Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      default: 6_000,
      title: '1 to 1000000000',
      description: 'how many requests an address, or an IPv6 /64, may send in a window',
    }),
    RATE_LIMIT_WINDOW: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 60,
      title: '1 to 86400, in s',
      description: 'how long a window is',
    }),
    RATE_LIMIT_ALLOW: Type.Optional(
      Type.String({
        format: 'address-list',
        title: 'addresses or CIDRs with commas between',
        description: 'who is not limited by address, such as load generators',
      }),
    ),
    REDIS_URL: Type.Optional(
      Type.String({
        format: 'redis-url',
        title: '`redis://host:port`, or `rediss:` for TLS',
        description: 'where requests are counted for all instances; else each counts its own',
      }),
    ),
    LOGIN_THROTTLE_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description: 'whether failed logins of an account delay the next',
    }),
  },
  {
    if: { required: ['NODE_ENV'], properties: { NODE_ENV: { const: 'production' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['DATABASE_URL', 'SESSION_SECRET'] },
  },
)
