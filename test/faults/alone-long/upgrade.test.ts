// Real processes, a database server of their own and a ledger, as the other tests of this folder: a release that
// breaks during an upgrade is a fault like any other.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { undoAtExit } from '../../support/faults/machine/at-exit.ts'
import { BUILD, migrate } from '../../support/faults/server/gatehouse.ts'
import { unpackRelease, withMigration } from '../../support/faults/upgrade/builds.ts'
import {
  arrangeUpgrade,
  concludeUpgrade,
  phase,
  replace,
} from '../../support/faults/upgrade/rolling-upgrade.ts'
import { lastRelease } from '../../support/package/release.ts'

/** What a release may add: docs/upgrading.md. */
const ADDITIVE = [
  'CREATE TABLE `notes` (`id` bigint unsigned AUTO_INCREMENT PRIMARY KEY, `text` varchar(80) NOT NULL)',
  'ALTER TABLE `users` ADD `nickname` varchar(80)',
  'ALTER TABLE `sessions` ADD `note` varchar(80)',
  'ALTER TABLE `tokens` ADD `uses` bigint NOT NULL DEFAULT 0',
]
/** What no release may do: the last one reads the column. */
const INCOMPATIBLE = ['ALTER TABLE `sessions` RENAME COLUMN `last_seen_at` TO `seen_at`']

const { version } = lastRelease()

test(`a rolling upgrade from ${version}, a roll back, and a newer schema fail no request and lose nothing`, async (t: TestContext) => {
  const folder = makeFolder(t)
  const release = await unpackRelease(folder)
  const next = await withMigration(folder, ADDITIVE)
  const upgrade = await arrangeUpgrade(t, release)
  const { database, servers } = upgrade
  const [first, second] = servers
  const root = database.rootUrl()
  await phase(upgrade, `both ${version}`)
  await phase(upgrade, 'this build migrates', () => migrate(root))
  await phase(upgrade, 'first replaced by this build', () => replace(first, BUILD))
  await phase(upgrade, 'second replaced by this build', () => replace(second, BUILD))
  await phase(upgrade, `first rolled back to ${version}`, () => replace(first, release))
  await phase(upgrade, 'a next version adds tables and columns', () => migrate(root, next))
  await phase(upgrade, 'second replaced by the next version', () => replace(second, next))
  await phase(upgrade, `second rolled back to ${version}`, () => replace(second, release))
  await concludeUpgrade(t, upgrade, `rolling upgrade from ${version}, and back`)
})

test('a migration that renames a column of the last release fails its requests, which the clients of an upgrade notice', async (t: TestContext) => {
  const folder = makeFolder(t)
  const next = await withMigration(folder, INCOMPATIBLE)
  const upgrade = await arrangeUpgrade(t, await unpackRelease(folder))
  const { database, phases } = upgrade
  await phase(upgrade, `both ${version}`)
  await phase(upgrade, 'a next version renames a column', () => migrate(database.rootUrl(), next))
  await upgrade.stop()
  console.log(phases.table())
  t.assert.match(phases.problems.join('\n'), /^a next version renames a column: GET \/me: 503/m)
})

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-upgrade-'))
  t.after(undoAtExit(() => rmSync(folder, { recursive: true, force: true })))
  return folder
}
