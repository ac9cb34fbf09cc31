import type { Command } from 'commander'
import * as tokens from '../../../../db/queries/tokens.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, idArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addTokenEnd(token: Command): void {
  token
    .command('end')
    .description('Ends a token. Takes effect on the next request.')
    .argument('<id>', 'the id of the token: see token list', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('token end 12'))
    .action((tokenId: number, options: OutputOptions) =>
      withConnection(async (db) => {
        const gone = `No token has the id ${tokenId}.`
        const userId = await tokens.findUserId(db, tokenId)
        if (userId === undefined) throw new Error(gone)
        const { username } = await findUser(db, { id: userId })
        const change = changeByOperator(userId)
        await done(tokens.end(db, change, tokenId), { username }, { 'not-found': gone })
        const item = { userId, tokensEnded: 1 }
        await printResult(`Token ${tokenId} of ${username} ended.`, item, options)
      }),
    )
}
