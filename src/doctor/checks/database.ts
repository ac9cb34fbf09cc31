import type { Database } from '../../../db/client.ts'
import { readSchemaState } from '../../../db/migrate.ts'
import { importedUsers } from '../../../db/schema.ts'
import type { Config } from '../../config/config.ts'
import { describeFailure } from '../../process/failure.ts'
import { checkAddressRanges } from './address-ranges.ts'
import { type Check, fail, ok, warn } from './check.ts'
import { checkDatabaseSettings } from './database-settings.ts'
import { checkGrants } from './grants.ts'
import { checkVersion, readVersion } from './version.ts'

/** Checks the database. If it cannot be reached, that is the only check. */
export async function checkDatabase(db: Database, config: Config): Promise<Check[]> {
  try {
    const version = await readVersion(db)
    const schema = await readSchemaState(db).catch((error: unknown) => ({ error }))
    const hasSchema = 'pending' in schema && schema.pending.length === 0
    return [
      checkVersion(version),
      ...(await checkDatabaseSettings(db)),
      ...(await checkGrants(db, { isPrivate: config.DATABASE_URL === undefined, hasSchema })),
      checkSchema(schema),
      ...(hasSchema ? [await countImported(db), await checkAddressRanges(db, config)] : []),
    ]
  } catch (error) {
    const todo =
      'Check DATABASE_URL, and that the database runs and accepts connections from this machine'
    return [fail('database', describeFailure(error), todo)]
  }
}

function checkSchema(
  state: Awaited<ReturnType<typeof readSchemaState>> | { error: unknown },
): Check {
  const subject = 'schema'
  if ('error' in state) {
    return fail(
      subject,
      describeFailure(state.error),
      'Run the GRANT statement of the check `grants`',
    )
  }
  const { pending, isNewer } = state
  if (pending.length > 0) {
    const names = pending.map(({ name }) => name).join(', ')
    return fail(subject, `lacks the migrations ${names}`, 'Run `gatehouse migrate`')
  }
  if (!isNewer) return ok(subject, 'is up to date')
  return warn(
    subject,
    'was migrated by a version newer than this one',
    'Run the newer version. This one can serve during an upgrade, and docs/production.md names the exceptions',
  )
}

/** Also proves that the tables can be read. */
async function countImported(db: Database): Promise<Check> {
  try {
    const count = await db.$count(importedUsers)
    return ok('import', count === 0 ? 'nothing was imported' : `${count} accounts were imported`)
  } catch (error) {
    return fail('import', describeFailure(error), 'Run the GRANT statement of the check `grants`')
  }
}
