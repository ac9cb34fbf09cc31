// Follows "Privileges" of docs/operations.md.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MIGRATION_PRIVILEGES, SERVER_PRIVILEGES } from '../../../db/privileges/grants.ts'
import { createDatabase, createEmptyDatabase } from '../../support/database/database.ts'
import { createUser } from '../../support/database/limited-user.ts'
import { query } from '../../support/database/query.ts'
import { commandsOn } from '../../support/process/command.ts'

const PASSWORD = 'correct horse battery'

test('every command but migrate succeeds with the privileges of the server', async (t: TestContext) => {
  const owner = await createDatabase()
  const { url } = await createUser(t, owner, SERVER_PRIVILEGES.join(', '))
  const { site, run } = await commandsOn(t, url)
  const file = join(site.folder, 'accounts.ndjson')
  await writeFile(
    file,
    `${JSON.stringify({ id: 7, username: 'ada', password: PASSWORD, role: 'user' })}\n`,
  )
  for (const [args, input] of [
    [['import', file]],
    [['user', 'create', 'grace', '--role', 'admin'], `${PASSWORD}\n`],
    [['user', 'set-password', 'grace'], `${PASSWORD} 2\n`],
    [['token', 'create', 'ada', '--name', 'job']],
    [['session', 'end', '--all', 'ada']],
    [['user', 'disable', 'ada']],
    [['events']],
    [['sweep']],
    [['import', '--forget']],
    [['seed', '--users', '3', '--sessions', '3', '--tokens', '3']],
    [['seed', 'clear']],
    [['user', 'delete', 'ada']],
    [['doctor']],
  ] satisfies [string[], string?][]) {
    const { code, stderr } = await run(args, input)
    t.assert.strictEqual(code, 0, `${args.join(' ')}: ${stderr}`)
  }
  const names = await query(owner, 'SELECT username FROM users')
  t.assert.deepStrictEqual(names, [{ username: 'grace' }])
})

test('doctor needs SELECT only, and says what the server lacks then', async (t: TestContext) => {
  const { url, account } = await createUser(t, await createDatabase(), 'SELECT')
  const { run } = await commandsOn(t, url)
  const { code, stdout, stderr } = await run(['doctor', '--json'])
  t.assert.deepStrictEqual({ code, stderr }, { code: 1, stderr: '' })
  const checks: { status: string; subject: string; text: string }[] = JSON.parse(stdout)
  const failed = checks.filter(({ status }) => status === 'fail')
  t.assert.deepStrictEqual(
    failed.map(({ subject, text }) => [subject, text.replace(/:.*/, '')]),
    [['grants', `${account} lacks INSERT, UPDATE, DELETE`]],
  )
})

test('migrate without a privilege prints the statement that grants it, and ends with 1', async (t: TestContext) => {
  const { url, account, revoke } = await createUser(
    t,
    await createEmptyDatabase(),
    MIGRATION_PRIVILEGES.join(', '),
  )
  await revoke('INDEX')
  const { run } = await commandsOn(t, url)
  const { code, stdout, stderr } = await run(['migrate'])
  const database = new URL(url).pathname.slice(1)
  t.assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: '' })
  t.assert.strictEqual(
    stderr,
    [
      `The database user ${account} lacks the privilege INDEX on ${database}, so the migration stopped. What it has applied stays.`,
      'Run this as an administrator of the database, then migrate again:',
      `  GRANT ${MIGRATION_PRIVILEGES.join(', ')} ON \`${database}\`.* TO ${account};`,
      '',
    ].join('\n'),
  )
})
