import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createDatabase } from '../database/database.ts'
import { query } from '../database/query.ts'
import { TEST_SECRET } from '../http/build.ts'
import { install } from './installation.ts'

export const CLI = 'src/cli.ts'
export const ONE_EACH = ['--users', '1', '--out', 'data']

/** A database and a working folder of the test's own. */
export async function setUpSeeding(t: TestContext) {
  const url = await createDatabase()
  const settings = { DATABASE_URL: url, SESSION_SECRET: TEST_SECRET, BCRYPT_COST: '10' }
  const site = await install(t)
  return { site, environment: settings, url }
}

/** How many rows there are of each kind, and how many users are marked. */
export async function counts(url: string): Promise<Record<string, unknown>> {
  const [row = {}] = await query(
    url,
    `SELECT (SELECT COUNT(*) FROM users) AS users,
      (SELECT COUNT(*) FROM users JOIN seeded_users ON user_id = id) AS marked,
      (SELECT COUNT(*) FROM sessions) AS sessions, (SELECT COUNT(*) FROM tokens) AS tokens,
      (SELECT COUNT(*) FROM events) AS events`,
  )
  return row
}

/** The lines after the first, as lists of values. */
export async function csv(folder: string, name: string): Promise<string[][]> {
  const [, ...lines] = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
  return lines.map((line) => line.split(','))
}
