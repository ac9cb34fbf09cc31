import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { parseEnv } from 'node:util'
import type { Static } from '@sinclair/typebox'
import { envSchema } from 'env-schema'
import { Environment } from './environment.ts'

export type Config = Readonly<
  Static<typeof Environment> & { COOKIE_SECURE: boolean; DOCS_ENABLED: boolean }
>

/** A configuration in which `resolveConfig` has filled in what was left open. */
export type ResolvedConfig = Config & {
  DATABASE_URL: string
  SESSION_SECRET: string
  HASH_CONCURRENCY: number
}

const DEFAULT_THREADS = 4

/** Lists everything that is wrong with the environment, a line each. */
export class ConfigError extends Error {}

function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim() !== ''))
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
            .addFormat('address-list', (text: string) => splitList(text).every(isAddressRange))
            .addFormat('redis-url', (text: string) => /^rediss?:/.test(text) && URL.canParse(text))
            .addFormat('origin-list', (text: string) => splitList(text).every(isOrigin))
            .addFormat('database-url', isDatabaseUrl),
      },
    })
    const isProduction = config.NODE_ENV === 'production'
    return Object.freeze({ COOKIE_SECURE: isProduction, DOCS_ENABLED: !isProduction, ...config })
  } catch (error) {
    throw new ConfigError(describe(error))
  }
}

/** @returns the size of Node's thread pool, which libuv takes from the environment of the start */
export function threadPoolSize(): number {
  return Number(process.env.UV_THREADPOOL_SIZE) || DEFAULT_THREADS
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

/** As browsers write it (RFC 6454 6.2): no path, no default port, the host in lower case. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** An address, or a CIDR (RFC 4632, RFC 4291). */
function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
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
