import { type TestContext, test } from 'node:test'
import { countAttempt } from '../../../db/queries/throttle.ts'
import { createDatabase } from '../../support/database/database.ts'
import { commandEvent, eventsOf } from '../../support/database/events-of.ts'
import { query } from '../../support/database/query.ts'
import { makeUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { BY_COMMAND, commandsOn } from '../../support/process/command.ts'

const DATABASE_URL = await createDatabase()
const FREE_TRIES_ANYWHERE = 100
const LONGER = 'UPDATE login_failures SET blocked_until = blocked_until + INTERVAL 60 SECOND'

/** Makes failed attempts from one address range each, so that only the account's counter delays. */
async function failAttempts(app: App, username: string): Promise<void> {
  for (let tries = 0; tries < FREE_TRIES_ANYWHERE; tries++) {
    await countAttempt(app.db, username, `range ${tries}`)
  }
  await app.db.execute(LONGER)
}

test('user show, after failed attempts from many addresses, names the delay, and user unthrottle ends it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const shown = async () => {
    const all = JSON.parse(await succeed(['user', 'show', user.username, '--json']))
    return { failedAttempts: all.failedAttempts, throttledUntil: all.throttledUntil }
  }
  const login = async () => {
    const body = { username: user.username, password: user.password }
    return (await send(app, 'POST', '/login', { body })).statusCode
  }
  t.assert.deepStrictEqual(await shown(), { failedAttempts: 0, throttledUntil: null })

  await failAttempts(app, user.username)
  const delayed = await shown()
  t.assert.strictEqual(delayed.failedAttempts, FREE_TRIES_ANYWHERE)
  const [stored] = await query(
    DATABASE_URL,
    `SELECT DATE_FORMAT(MAX(blocked_until), '%Y-%m-%dT%T.%f') AS blocked FROM login_failures`,
  )
  t.assert.strictEqual(delayed.throttledUntil, `${String(stored?.blocked).slice(0, 23)}Z`)
  t.assert.strictEqual(await login(), 429)

  const said = await succeed(['user', 'unthrottle', user.username.toUpperCase()])
  t.assert.match(said, /^The delay for .* is removed\. Delays of single address ranges remain\.$/m)
  t.assert.deepStrictEqual(await shown(), { failedAttempts: 0, throttledUntil: null })
  t.assert.strictEqual(await login(), 200)
  const updates = (await eventsOf(DATABASE_URL, user.id)).filter(
    ({ type }) => type === 'user_updated',
  )
  t.assert.deepStrictEqual(updates, [
    commandEvent('user_updated', { unthrottled: true, ...BY_COMMAND }),
  ])
})
