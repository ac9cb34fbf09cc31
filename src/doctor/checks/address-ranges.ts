import { isNotNull } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { users } from '../../../db/schema.ts'
import type { Config } from '../../config/config.ts'
import { describeFailure } from '../../process/failure.ts'
import { type Check, fail, ok, warn } from './check.ts'

const SUBJECT = 'address ranges'

/** Checks that the server can know the addresses that tokens of service accounts are limited to. */
export async function checkAddressRanges(
  db: Database,
  { TRUST_PROXY }: Pick<Config, 'TRUST_PROXY'>,
): Promise<Check> {
  try {
    const limited = await db.$count(users, isNotNull(users.addressRanges))
    if (limited === 0) return ok(SUBJECT, 'limit no service account')
    const text = `limit ${limited} service accounts`
    if (TRUST_PROXY) return ok(SUBJECT, text)
    return warn(
      SUBJECT,
      `${text}, and TRUST_PROXY is not set: behind a proxy, every token comes from the address of the proxy`,
      'If there is a proxy, set TRUST_PROXY to its address',
    )
  } catch (error) {
    return fail(SUBJECT, describeFailure(error), 'Run the GRANT statement of the check `grants`')
  }
}
