import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { unpack } from '../../package/package.ts'
import { lastRelease } from '../../package/release.ts'
import { BUILD } from '../server/gatehouse.ts'

/**
 * Unpacks the package of the last release, beside the packages of this checkout.
 *
 * @returns the folder of its build
 */
export async function unpackRelease(folder: string): Promise<string> {
  const home = join(folder, 'release')
  await mkdir(home)
  await unpack(lastRelease().file, home)
  symlinkSync(resolve('node_modules'), join(home, 'node_modules'))
  return join(home, 'dist')
}

/**
 * Copies the build under test, and adds a migration after its own.
 *
 * @returns the folder of the copy
 */
export async function withMigration(folder: string, statements: string[]): Promise<string> {
  const home = join(folder, 'next')
  const build = join(home, 'dist')
  cpSync(BUILD, build, { recursive: true })
  symlinkSync(resolve('node_modules'), join(home, 'node_modules'))
  const migrations = join(build, 'db/migrations')
  const journal = join(migrations, 'meta/_journal.json')
  const content: { entries: { idx: number; when: number }[] } = JSON.parse(
    readFileSync(journal, 'utf8'),
  )
  const last = content.entries.at(-1)
  if (!last) throw new Error(`no migrations in ${readdirSync(migrations)}`)
  const tag = '9999_of_the_test'
  content.entries.push({ ...last, ...{ idx: last.idx + 1, when: last.when + 1, tag } })
  writeFileSync(journal, JSON.stringify(content))
  writeFileSync(join(migrations, `${tag}.sql`), statements.join('\n--> statement-breakpoint\n'))
  return build
}
