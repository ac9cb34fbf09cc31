import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Consistency, closeDatabase, openDatabase, Servers } from '../../db/client.ts'
import { isSchemaCurrent, migrate } from '../../db/migrate.ts'
import { explainRefusal } from '../../db/privileges/refusal.ts'
import {
  type EmbeddedDatabase,
  joinEmbeddedDatabase,
} from '../embedded-database/embedded-database.ts'
import { hasDatabaseFiles } from '../embedded-database/files.ts'
import { hashConcurrency } from './capacity.ts'
import type { Config, ResolvedConfig } from './config.ts'
import { showProgress } from './progress.ts'

const SECRET_BYTES = 32
const STORED_SECRET = /^[0-9a-f]{64}$/

/** Holds the private database and the session secret that were not configured. */
export const DATA_FOLDER = resolve('.data')

/**
 * Fills in what is not configured. Without `DATABASE_URL` it starts the private database server and
 * applies the migrations; without `SESSION_SECRET` it creates a secret once. Both are kept in
 * `.data/`. In production, both are required, so that nothing is created.
 *
 * @returns the private server to close after use, if there is one
 */
export async function resolveConfig(
  config: Config,
): Promise<{ config: ResolvedConfig; embedded?: EmbeddedDatabase }> {
  const SESSION_SECRET = config.SESSION_SECRET ?? storedSecret()
  const { url: DATABASE_URL, embedded } = await resolveDatabase(config)
  const HASH_CONCURRENCY = hashConcurrency(config)
  const resolved = Object.freeze({ ...config, DATABASE_URL, SESSION_SECRET, HASH_CONCURRENCY })
  return { config: resolved, ...(embedded && { embedded }) }
}

/** Does the same for the database alone, which is all that most commands need. */
export async function resolveDatabase(
  config: Pick<Config, 'DATABASE_URL'>,
): Promise<{ url: string; embedded?: EmbeddedDatabase }> {
  if (config.DATABASE_URL) return { url: config.DATABASE_URL }
  showProgress(
    hasDatabaseFiles(DATA_FOLDER)
      ? `opening the database in ${DATA_FOLDER}`
      : `creating a database in ${DATA_FOLDER}`,
  )
  const embedded = await joinEmbeddedDatabase(DATA_FOLDER)
  try {
    await migrateDatabase(embedded.url)
    return { url: embedded.url, embedded }
  } catch (error) {
    await embedded.close()
    throw error
  }
}

/**
 * @param consistency the setting `DATABASE_CONSISTENCY`
 * @returns how many migrations were applied
 * @throws Error with the statement that grants what is missing, if a privilege is
 */
export async function migrateDatabase(
  url: string,
  consistency: Consistency = 'auto',
): Promise<number> {
  const timeoutMs = Number.POSITIVE_INFINITY
  const db = openDatabase(url, { connections: 2, timeoutMs, consistency })
  try {
    if (!(await isSchemaCurrent(db))) showProgress('applying the migrations of the schema')
    return await migrate(db)
  } catch (error) {
    throw await explainRefusal(url, error)
  } finally {
    await closeDatabase(db)
  }
}

/** @returns whether the database has the schema of this version; false if it cannot be read */
export async function hasCurrentSchema({
  DATABASE_URL,
  DATABASE_CONSISTENCY: consistency,
  DATABASE_TIMEOUT_MS,
}: Pick<
  ResolvedConfig,
  'DATABASE_URL' | 'DATABASE_CONSISTENCY' | 'DATABASE_TIMEOUT_MS'
>): Promise<boolean> {
  const servers = new Servers(DATABASE_URL, { consistency })
  const db = openDatabase(servers, { connections: 1, timeoutMs: DATABASE_TIMEOUT_MS })
  try {
    await servers.prepare()
    return await isSchemaCurrent(db)
  } catch {
    return false
  } finally {
    await closeDatabase(db)
  }
}

/** The first process creates the secret. The file gets its name only when it is complete. */
function storedSecret(): string {
  const file = join(DATA_FOLDER, 'session-secret')
  if (!existsSync(file)) {
    mkdirSync(DATA_FOLDER, { recursive: true, mode: 0o700 })
    const own = `${file}.${process.pid}`
    writeFileSync(own, randomBytes(SECRET_BYTES).toString('hex'), { mode: 0o600 })
    try {
      linkSync(own, file)
    } catch (error) {
      if (!existsSync(file)) throw error
    } finally {
      unlinkSync(own)
    }
  }
  const secret = readFileSync(file, 'utf8')
  if (!STORED_SECRET.test(secret)) {
    throw new Error(
      `${file} is damaged. Delete it: the next start creates a new secret, and every user logs in again.`,
    )
  }
  return secret
}
