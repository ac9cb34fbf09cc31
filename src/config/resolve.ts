import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { closeDatabase, openDatabase } from '../../db/client.ts'
import { migrate } from '../../db/migrate.ts'
import {
  type EmbeddedDatabase,
  joinEmbeddedDatabase,
} from '../embedded-database/embedded-database.ts'
import { hashConcurrency } from './capacity.ts'
import type { Config, ResolvedConfig } from './config.ts'

const SECRET_BYTES = 32
const KEPT_SECRET = /^[0-9a-f]{64}$/

export const DATA_FOLDER = resolve('.data')

/**
 * Fills in what the configuration leaves open: without `DATABASE_URL` the private server, with its
 * schema up to date, and without `SESSION_SECRET` a secret that is made once. Both are kept in
 * `.data/`. Production's configuration leaves nothing open.
 *
 * @returns the server to close after use, if there is one
 */
export async function resolveConfig(
  config: Config,
): Promise<{ config: ResolvedConfig; embedded?: EmbeddedDatabase }> {
  const SESSION_SECRET = config.SESSION_SECRET ?? keptSecret()
  const { url: DATABASE_URL, embedded } = await resolveDatabase(config)
  const HASH_CONCURRENCY = hashConcurrency(config)
  const resolved = Object.freeze({ ...config, DATABASE_URL, SESSION_SECRET, HASH_CONCURRENCY })
  return { config: resolved, ...(embedded && { embedded }) }
}

/** The same for the database alone, all that the command line needs. */
export async function resolveDatabase(
  config: Pick<Config, 'DATABASE_URL'>,
): Promise<{ url: string; embedded?: EmbeddedDatabase }> {
  if (config.DATABASE_URL) return { url: config.DATABASE_URL }
  const embedded = await joinEmbeddedDatabase(DATA_FOLDER)
  try {
    await migrateDatabase(embedded.url)
    return { url: embedded.url, embedded }
  } catch (error) {
    await embedded.close()
    throw error
  }
}

/** @returns how many migrations were applied */
export async function migrateDatabase(url: string): Promise<number> {
  const db = openDatabase(url, 1)
  try {
    return await migrate(db)
  } finally {
    await closeDatabase(db)
  }
}

/** Made once, by whichever process is first, and whole from the moment that it has its name. */
function keptSecret(): string {
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
  if (!KEPT_SECRET.test(secret)) {
    throw new Error(`${file} is damaged; without it, a new one is made and everybody logs in anew`)
  }
  return secret
}
