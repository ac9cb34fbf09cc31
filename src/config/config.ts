import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Static } from '@sinclair/typebox'
import { envSchema } from 'env-schema'
import { isAddressRange } from '../../plugins/addresses/ranges.ts'
import { ConfigError } from './config-error.ts'
import { readEnvFile } from './env-file.ts'
import { hostProblems, isDatabaseUrl, isHostList } from './settings/database.ts'
import { Environment } from './settings/environment.ts'
import { exchangeEnd } from './settings/flask.ts'
import { isHeaderList, isHttpUrl, isPairList } from './settings/tracing.ts'
import { IS_BUILT } from './version.ts'

export type Config = Readonly<
  Static<typeof Environment> & { COOKIE_SECURE: boolean; DOCS_ENABLED: boolean }
>

/** A configuration in which `resolveConfig` has filled in what was not set. */
export type ResolvedConfig = Config & {
  DATABASE_URL: string
  SESSION_SECRET: string
  HASH_CONCURRENCY: number
}

/** For `localhost`, Fastify would open a second server, on `::1`, without the limits of the first. */
const LOOPBACK = '127.0.0.1'
/** libuv's default. */
const DEFAULT_THREADS = 4
/** A URL that may hold a password, even if `#` in a `.env` file cut it off. */
const MAY_HOLD_PASSWORD = /^mysql:\/\/[^/]*:/
const PERCENT_ENCODING_HINT =
  'in a password, write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25'

function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim() !== ''))
}

function envFilePath(): string {
  return resolve('.env')
}

/**
 * @returns the variables of the process, and of the file `.env` in the working folder where the
 *   process does not set them
 * @throws ConfigError if the file is not valid
 */
export function readEnvironment(): NodeJS.ProcessEnv {
  const file = readEnvFile(envFilePath(), Object.keys(Environment.properties))
  return { ...file, ...withoutEmpty(process.env) }
}

/**
 * @param environment as `process.env`; an empty variable counts as not set
 * @param isBuilt whether `DATABASE_URL` is required with any `NODE_ENV`
 * @throws ConfigError
 */
export function loadConfig(environment: NodeJS.ProcessEnv, isBuilt = IS_BUILT): Config {
  const data = withoutEmpty(environment)
  const conflicts = conflictsIn(data)
  const required = [...(Environment.required ?? []), ...(isBuilt ? ['DATABASE_URL'] : [])]
  let config: Static<typeof Environment>
  try {
    config = envSchema({
      schema: { ...Environment, required },
      data,
      env: false,
      ajv: {
        customOptions: (ajv) =>
          ajv
            .addFormat('address-list', (text: string) => splitList(text).every(isAddressRange))
            .addFormat('redis-url', (text: string) => /^rediss?:/.test(text) && URL.canParse(text))
            .addFormat('origin-list', (text: string) => splitList(text).every(isOrigin))
            .addFormat('database-url', isDatabaseUrl)
            .addFormat('database-hosts', isHostList)
            .addFormat('exchange-end', (text: string) => exchangeEnd(text) !== undefined)
            .addFormat('http-url', isHttpUrl)
            .addFormat('header-list', isHeaderList)
            .addFormat('key-value-list', isPairList),
      },
    })
  } catch (error) {
    throw invalid([...describe(error, data), ...conflicts])
  }
  if (conflicts.length > 0) throw invalid(conflicts)
  const isProduction = config.NODE_ENV === 'production'
  return Object.freeze({
    COOKIE_SECURE: isProduction,
    DOCS_ENABLED: !isProduction,
    ...config,
    HOST: config.HOST === 'localhost' ? LOOPBACK : config.HOST,
    METRICS_HOST: config.METRICS_HOST === 'localhost' ? LOOPBACK : config.METRICS_HOST,
  })
}

/** @returns the password of `gatehouse import`'s source, by the variable that MySQL's own clients read */
export function sourcePassword(): string | undefined {
  return process.env.MYSQL_PWD
}

/** @returns the size of Node's thread pool, which libuv reads from the environment at start */
export function threadPoolSize(): number {
  return Number(process.env.UV_THREADPOOL_SIZE) || DEFAULT_THREADS
}

/** @param list items with commas between them */
export function splitList(list: string | undefined): string[] {
  return list === undefined ? [] : list.split(',').map((item) => item.trim())
}

/** As browsers send it (RFC 6454 6.2): no path, no default port, the host in lower case. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** The settings that are valid alone, but not together. */
function conflictsIn(data: NodeJS.ProcessEnv): string[] {
  const { COOKIE_SAME_SITE, COOKIE_SECURE, NODE_ENV } = data
  const isSecure =
    COOKIE_SECURE === undefined ? NODE_ENV === 'production' : COOKIE_SECURE === 'true'
  const hasKey = data.FLASK_SECRET_KEY !== undefined
  const hasEnd = data.FLASK_SESSIONS_UNTIL !== undefined
  const { METRICS_PORT = '0', PORT = String(Environment.properties.PORT.default) } = data
  const isSamePort = Number(METRICS_PORT) > 0 && Number(METRICS_PORT) === Number(PORT)
  return [
    ...(COOKIE_SAME_SITE === 'none' && !isSecure
      ? ['  COOKIE_SAME_SITE=none requires COOKIE_SECURE=true']
      : []),
    ...(data.DATABASE_READ_HOSTS !== undefined && data.DATABASE_CONSISTENCY === 'none'
      ? ['  DATABASE_READ_HOSTS does not go together with DATABASE_CONSISTENCY=none']
      : []),
    ...hostProblems(data).map((problem) => `  ${problem}`),
    ...(isSamePort ? ['  METRICS_PORT must differ from PORT'] : []),
    ...(hasKey === hasEnd
      ? []
      : ['  FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL require each other']),
  ]
}

/** Names each variable and what is allowed, never its value: it may be a secret. */
function describe(error: unknown, { NODE_ENV, DATABASE_URL = '' }: NodeJS.ProcessEnv): string[] {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) throw error
  return error.errors
    .filter(({ keyword }) => keyword !== 'if')
    .map(({ instancePath, keyword, params }) => {
      const isMissing = keyword === 'required'
      const name = String(isMissing ? params.missingProperty : instancePath.slice(1))
      const title = Object.entries(Environment.properties).find(([key]) => key === name)?.[1].title
      const required = NODE_ENV === 'production' ? 'is required in production' : 'is required'
      const needsHint = name === 'DATABASE_URL' && MAY_HOLD_PASSWORD.test(DATABASE_URL)
      const hint = needsHint ? `; ${PERCENT_ENCODING_HINT}` : ''
      return `  ${name} ${isMissing ? required : 'is not valid'}: ${title}${hint}`
    })
}

function invalid(lines: string[]): ConfigError {
  const file = envFilePath()
  const sources = existsSync(file) ? file : `${file}, which does not exist`
  const problems = [...new Set(lines)]
  const text = [
    'The configuration is not valid.',
    ...problems,
    `Settings come from environment variables and from ${sources}.`,
  ]
  return new ConfigError(text.join('\n'), problems)
}
