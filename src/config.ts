import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { parseEnv } from 'node:util'
import { type Static, Type } from '@sinclair/typebox'
import { envSchema } from 'env-schema'

/** 32 characters or more, without the spaces around them. */
const SECRET = ' *[^, ][^,]{30,}[^, ] *'

/**
 * The environment variables. `title` says what a variable may be, `description` what it does;
 * the tables in the README and in `.env.example` are held equal to both by a test.
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
    LOG_LEVEL: Type.Unsafe<'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'>({
      type: 'string',
      enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      default: 'info',
      title: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
      description: 'the least serious lines that are logged',
    }),
    RATE_LIMIT_ENABLED: Type.Boolean({
      default: true,
      title: '`true` or `false`',
      description: 'whether an address is held to 6,000 requests a minute',
    }),
  },
  {
    if: { required: ['NODE_ENV'], properties: { NODE_ENV: { const: 'production' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['DATABASE_URL', 'SESSION_SECRET'] },
  },
)

export type Config = Readonly<Static<typeof Environment> & { COOKIE_SECURE: boolean }>

/** A configuration whose database and secret are settled: given, or made by `settle`. */
export type SettledConfig = Config & { DATABASE_URL: string; SESSION_SECRET: string }

/** Lists everything that is wrong with the environment, a line each. */
export class ConfigError extends Error {}

function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
}

/** The process's environment over what a file `.env` in the working folder sets. */
export function readEnvironment(): NodeJS.ProcessEnv {
  const file = existsSync('.env') ? parseEnv(readFileSync('.env', 'utf8')) : {}
  return { ...file, ...withoutEmpty(process.env) }
}

/**
 * @param environment as `process.env`; a variable that is empty counts as not set
 * @throws ConfigError
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const data = withoutEmpty(environment)
  try {
    const config = envSchema<Static<typeof Environment>>({
      schema: Environment,
      data,
      env: false,
      ajv: {
        customOptions: (ajv) =>
          ajv
            .addFormat('address-list', (text: string) => text.split(',').every(isAddressRange))
            .addFormat('database-url', isDatabaseUrl),
      },
    })
    return Object.freeze({ COOKIE_SECURE: config.NODE_ENV === 'production', ...config })
  } catch (error) {
    throw new ConfigError(describe(error))
  }
}

export function splitList(list: string | undefined): string[] {
  return list === undefined ? [] : list.split(',').map((item) => item.trim())
}

function isDatabaseUrl(text: string): boolean {
  try {
    const { protocol, hostname, username, password, pathname } = new URL(text)
    for (const part of [username, password, pathname]) decodeURIComponent(part)
    return protocol === 'mysql:' && hostname !== '' && /^\/[^/]+$/.test(pathname)
  } catch {
    return false
  }
}

/** An address, or a CIDR (RFC 4632, RFC 4291). */
function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.trim().split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  return /^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}

/** Names each variable and what it may be, never the value: it may be a secret. */
function describe(error: unknown): string {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) throw error
  const lines = error.errors
    .filter(({ keyword }) => keyword !== 'if')
    .map(({ instancePath, keyword, params }) => {
      const isMissing = keyword === 'required'
      const name = String(isMissing ? params.missingProperty : instancePath.slice(1))
      const title = Object.entries(Environment.properties).find(([key]) => key === name)?.[1].title
      return `  ${name} ${isMissing ? 'is required in production' : 'is not valid'}: ${title}`
    })
  return ['The environment is not valid.', ...new Set(lines)].join('\n')
}
