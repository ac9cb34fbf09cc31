import { type TestContext, test } from 'node:test'
import { recordFailure } from '../../../db/queries/events.ts'
import * as users from '../../../db/queries/users.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeDatabaseUser } from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'
import { CLI, commandsOn } from '../../support/process/command.ts'
import { exitCode, listenTo } from '../../support/process/installation.ts'

interface Shown {
  id: number
  type: string
  userId: number
}

test('events shows the latest events, the newest one last, by type and by user', async (t: TestContext) => {
  const url = await createDatabase()
  const db = open(t, url)
  const { succeed } = await commandsOn(t, url)
  const [ada, bob] = [await makeDatabaseUser(db, 'admin'), await makeDatabaseUser(db)]
  await recordFailure(db, { address: '192.0.2.7' }, { type: 'login', userId: bob.id })
  await recordFailure(db, { address: '192.0.2.7' }, { type: 'login', userId: bob.id })
  await succeed(['user', 'set-role', bob.username, 'admin'])
  const read = async (...options: string[]) => {
    const shown: Shown[] = JSON.parse(await succeed(['events', '--json', ...options]))
    return shown.map(({ type, userId }) => `${type} ${userId}`)
  }
  const all = [
    `user_created ${ada.id}`,
    `user_created ${bob.id}`,
    `login ${bob.id}`,
    `user_updated ${bob.id}`,
  ]
  t.assert.deepStrictEqual(await read(), all)
  t.assert.deepStrictEqual(await read('--limit', '2'), all.slice(-2))
  t.assert.deepStrictEqual(await read('--limit', '0'), [])
  t.assert.deepStrictEqual(await read('--user', bob.username), all.slice(1))
  t.assert.deepStrictEqual(await read('--type', 'user_created'), all.slice(0, 2))
  t.assert.deepStrictEqual(await read('--type', 'login', '--user', `id:${ada.id}`), [])

  await succeed(['user', 'delete', ada.username])
  t.assert.deepStrictEqual((await read('--user', `id:${ada.id}`)).length, 2)
  const lines = (await succeed(['events', '--limit', '4'])).split('\n')
  t.assert.match(lines[0] ?? '', /^ID +TIME +TYPE +OUTCOME +BY +USER +ADDRESS +COUNT +DETAIL$/)
  const failed = `login +failure +- +${bob.username} +192\\.0\\.2\\.7 +2 +-$`
  t.assert.match(lines[2] ?? '', new RegExp(failed))
  t.assert.match(lines[3] ?? '', /user_updated +success +cli:\S+ +u-\S+ +- +1 +role=admin$/)
  t.assert.match(
    lines[4] ?? '',
    new RegExp(`user_deleted .* id:${ada.id} .* username=${ada.username} sessionsEnded=0`),
  )
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`events --follow prints a new event, and ends with 0 at ${signal}`, async (t: TestContext) => {
    const url = await createDatabase()
    const db = open(t, url)
    const old = await makeDatabaseUser(db)
    const { site, environment } = await commandsOn(t, url)
    const follow = (...options: string[]) => {
      const child = site.start(CLI, ['events', '--follow', ...options], environment)
      return { child, ...listenTo(child) }
    }
    const table = follow('--type', 'user_created')
    const json = follow('--json', '--limit', '1')
    await table.until(new RegExp(`user_created .* ${old.username} `))
    await json.until(new RegExp(old.username))
    const added = await makeDatabaseUser(db)
    await json.until(new RegExp(added.username))
    const actor = { origin: { osUser: 'nora' } }
    await users.create(db, actor, { username: 'zoe', passwordHash: 'h', role: 'user' })
    await table.until(new RegExp(`${added.username} .*\\n.*cli:nora .*zoe `))
    await json.until(/"username":"zoe"/)
    for (const { child } of [table, json]) {
      child.kill(signal)
      t.assert.strictEqual(await exitCode(child), 0)
    }
    const lines = json.said().trimEnd().split('\n')
    const events: Shown[] = lines.map((line) => JSON.parse(line))
    t.assert.deepStrictEqual(
      events.map(({ type, userId }) => [type, userId]),
      [
        ['user_created', old.id],
        ['user_created', added.id],
        ['user_created', added.id + 1],
      ],
    )
    t.assert.doesNotMatch(table.said(), /Error|SIG/)
  })
}
