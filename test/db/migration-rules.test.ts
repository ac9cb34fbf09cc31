// docs/upgrading.md: the last release serves while a newer one migrates, and after it.
import { readdirSync, readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { compareVersions } from '../../scripts/changelog.mjs'
import { contentOf, textIn } from '../support/package/package.ts'
import { lastRelease } from '../support/package/release.ts'

const FOLDER = 'db/migrations'
const PACKED = `dist/${FOLDER}`
const { file, version } = lastRelease()
const released = (await contentOf(file)).filter((path) =>
  /^dist\/db\/migrations\/.*\.sql$/.test(path),
)

/** What can break a server of the last release, or lock a table for long. */
const REFUSED =
  /\b(DROP|RENAME|MODIFY|CHANGE|TRUNCATE)\b|\bADD\b(?!.*\b(DEFAULT|INDEX|KEY|CONSTRAINT)\b).*\bNOT NULL\b/i
/** The comment by which a migration removes what an older release stopped using. */
const UNUSED_SINCE = /^-- unused since (\d+\.\d+\.\d+): .+$/m

/** @returns the statements that a migration must not have, by the text of its file */
function refusedIn(text: string): string[] {
  const since = UNUSED_SINCE.exec(text)?.[1]
  if (since !== undefined && compareVersions(since, version) <= 0) return []
  const statements = text.replaceAll(/^--(?!>).*$/gm, '').split('--> statement-breakpoint')
  return statements
    .map((statement) => statement.trim())
    .filter((statement) => !/^CREATE TABLE/i.test(statement) && REFUSED.test(statement))
}

test('a migration of the last release has not changed since', async (t: TestContext) => {
  t.assert.ok(released.length > 0)
  for (const path of released) {
    const own = readFileSync(path.replace('dist/', ''), 'utf8')
    t.assert.strictEqual(await textIn(file, path), own, path)
  }
})

test('a migration that is newer than the last release removes, renames and changes nothing that the release uses', (t: TestContext) => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'))
  const newer = names.filter((name) => !released.includes(`${PACKED}/${name}`))
  const refused = newer.map((name) => [name, refusedIn(readFileSync(`${FOLDER}/${name}`, 'utf8'))])
  t.assert.deepStrictEqual(
    refused.filter(([, statements]) => statements?.length),
    [],
  )
})

for (const [statement, isRefused] of [
  ['ALTER TABLE `users` ADD `nickname` varchar(80);', false],
  ["ALTER TABLE `users` ADD `kind` varchar(8) DEFAULT 'person' NOT NULL;", false],
  ['ALTER TABLE `users` ADD `kind` varchar(8) NOT NULL;', true],
  ['ALTER TABLE `users` ADD CONSTRAINT `users_kind` UNIQUE(`kind`);', false],
  ['CREATE INDEX `users_kind` ON `users` (`kind`);', false],
  ['CREATE TABLE `notes` (`id` bigint NOT NULL);', false],
  ['ALTER TABLE `users` DROP COLUMN `kind`;', true],
  ['DROP INDEX `users_kind` ON `users`;', true],
  ['ALTER TABLE `users` RENAME COLUMN `kind` TO `sort`;', true],
  ['ALTER TABLE `users` MODIFY COLUMN `kind` varchar(80);', true],
  [
    `-- unused since ${version}: the server reads sort\nALTER TABLE \`users\` DROP \`kind\`;`,
    false,
  ],
  ['-- unused since 999.0.0: not yet\nALTER TABLE `users` DROP `kind`;', true],
] as const) {
  test(`a migration with ${statement.replaceAll('\n', ' ')} is ${isRefused ? 'refused' : 'accepted'}`, (t: TestContext) => {
    t.assert.strictEqual(refusedIn(statement).length > 0, isRefused)
  })
}
