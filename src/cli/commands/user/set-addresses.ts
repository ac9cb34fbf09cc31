import type { Command } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { isAddressRange } from '../../../../plugins/addresses/ranges.ts'
import { MAX_ADDRESS_RANGES, toManagedUser } from '../../../../routes/users/schemas.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, listOf, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

/** Ends the limit. */
const ANY = 'any'

export function addUserSetAddresses(user: Command): void {
  user
    .command('set-addresses')
    .description(
      'Sets where the tokens of a service account may come from. Takes effect on the next request.',
    )
    .argument('<user>', USER_HELP, userArgument)
    .argument(
      '<ranges...>',
      `addresses and CIDR ranges, or \`${ANY}\``,
      listOf(
        (text) => text === ANY || isAddressRange(text),
        `an address or a CIDR, such as 192.0.2.0/24, or ${ANY}`,
        [MAX_ADDRESS_RANGES, 'ranges'],
      ),
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      example('user set-addresses billing 10.0.0.0/8 ::1', `user set-addresses billing ${ANY}`),
    )
    .action((wanted: UserArgument, ranges: string[], options: OutputOptions) =>
      withConnection(async (db) => {
        if (ranges.includes(ANY) && ranges.length > 1) {
          throw new Error(`Give either address ranges or ${ANY}.`)
        }
        const addressRanges = ranges.includes(ANY) ? null : ranges
        const found = await findUser(db, wanted)
        const where = addressRanges?.join(' ') ?? 'any address'
        if (
          found.kind === 'service' &&
          found.addressRanges?.join(' ') === addressRanges?.join(' ')
        ) {
          const sentence = `The tokens of ${found.username} may come from ${where} already. Nothing was changed.`
          return await printResult(sentence, toManagedUser(found), options)
        }
        const reasons = {
          'not-a-service': `${found.username} is no service account. Only a service account has address ranges.`,
        }
        const change = changeByOperator(found.id)
        const updated = await done(users.update(db, change, { addressRanges }), found, reasons)
        const sentence = `The tokens of ${found.username} may now come from ${where}.`
        await printResult(sentence, toManagedUser(updated.user), options)
      }),
    )
}
