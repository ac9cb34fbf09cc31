import type { Command } from 'commander'
import type { Database } from '../../../../db/client.ts'
import * as sessions from '../../../../db/queries/sessions.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, idArgument, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

interface EndOptions extends OutputOptions {
  all?: UserArgument
}

export function addSessionEnd(session: Command): void {
  const command = session
    .command('end')
    .description('Ends a session, or all sessions of a user. Takes effect on the next request.')
    .argument('[id]', 'the id of the session: see session list', idArgument)
    .option('--all <user>', 'end all sessions of this user: a username, or id:N', userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('session end 41', 'session end --all ada'))
    .action(async (id: number | undefined, options: EndOptions) => {
      const { all } = options
      if ((id === undefined) === (all === undefined)) {
        command.error('error: give either the id of a session or --all <user>')
      }
      await withConnection(async (db) => {
        if (id !== undefined) await endOne(db, id, options)
        if (all !== undefined) await endAll(db, all, options)
      })
    })
}

async function endOne(db: Database, sessionId: number, options: OutputOptions): Promise<void> {
  const gone = `No session has the id ${sessionId}.`
  const userId = await sessions.findUserId(db, sessionId)
  if (userId === undefined) throw new Error(gone)
  const { username } = await findUser(db, { id: userId })
  const change = changeByOperator(userId)
  await done(sessions.end(db, change, sessionId), { username }, { 'not-found': gone })
  const item = { userId, sessionsEnded: 1 }
  await printResult(`Session ${sessionId} of ${username} ended.`, item, options)
}

async function endAll(db: Database, wanted: UserArgument, options: OutputOptions): Promise<void> {
  const found = await findUser(db, wanted)
  const { count } = await done(sessions.endAll(db, changeByOperator(found.id)), found)
  const item = { userId: found.id, sessionsEnded: count }
  await printResult(`Sessions of ${found.username} ended: ${count}.`, item, options)
}
