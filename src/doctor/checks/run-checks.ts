import { closeDatabase, openDatabase } from '../../../db/client.ts'
import type { Config } from '../../config/config.ts'
import { describeFailure } from '../../process/failure.ts'
import { type Check, ok, warn } from './check.ts'
import { checkClientAddress } from './client-address.ts'
import { checkCookie } from './cookie.ts'
import { checkDatabase } from './database.ts'
import { checkPublicUrl } from './public-url.ts'
import { checkServers } from './servers.ts'
import { checkSettings } from './settings.ts'

const TIMEOUT_MS = 5_000

/**
 * @param databaseUrl of `DATABASE_URL` or of the private database
 * @param publicUrl as clients know the server; without it, nothing is sent to the server
 */
export async function runChecks(
  databaseUrl: string,
  config: Config,
  publicUrl: URL | undefined,
): Promise<Check[]> {
  const consistency = config.DATABASE_CONSISTENCY
  const db = openDatabase(databaseUrl, { connections: 1, timeoutMs: TIMEOUT_MS, consistency })
  try {
    const checks = [
      ...checkSettings(config),
      ...(await checkServers(databaseUrl, config)),
      ...(await checkDatabase(db, config)),
    ]
    if (!publicUrl) {
      const text = 'is not checked. Add --url https://… to check the cookie and the proxy'
      return [...checks, ok('public url', text)]
    }
    checks.push(...checkCookie(config, publicUrl))
    const reached = await checkPublicUrl(config, publicUrl)
    checks.push(...reached.checks)
    if (reached.isReached) {
      const check = checkClientAddress(db, config, publicUrl)
      checks.push(
        await check.catch((error: unknown) =>
          warn('client address', `is not known: ${describeFailure(error)}`, 'Try again'),
        ),
      )
    }
    return checks
  } finally {
    await closeDatabase(db)
  }
}
