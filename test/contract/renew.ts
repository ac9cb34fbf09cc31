// `npm run openapi`: renews the generated files that are committed.
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { migrateDatabase } from '../../src/config/resolve.ts'
import { joinEmbeddedDatabase } from '../../src/embedded-database/embedded-database.ts'
import { contractFiles } from './files.ts'

const folder = await mkdtemp(join(tmpdir(), 'gatehouse-openapi-'))
const database = await joinEmbeddedDatabase(folder)
try {
  await migrateDatabase(database.url)
  const app = await buildApp({
    ...loadConfig({}),
    DATABASE_URL: database.url,
    SESSION_SECRET: 'signs nothing, since nobody logs in here',
    HASH_CONCURRENCY: 1,
  })
  for (const [path, text] of Object.entries(await contractFiles(app))) writeFileSync(path, text)
  await app.close()
} finally {
  await database.close()
  await rm(folder, { recursive: true, force: true })
}
