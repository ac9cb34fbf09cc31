import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { checkGrants } from '../../../../src/doctor/checks/grants.ts'
import { createDatabase } from '../../../support/database/database.ts'
import { createUser } from '../../../support/database/limited-user.ts'
import { open } from '../../../support/database/open.ts'
import { query } from '../../../support/database/query.ts'

const OWNER = await createDatabase()
const DATABASE = new URL(OWNER).pathname.slice(1)
const OPTIONS = { hasSchema: true, isPrivate: false }

/** Checks the grants of the user of a URL, on a new connection. */
function grantsOf(t: TestContext, url: string, options = OPTIONS) {
  return checkGrants(open(t, url, 1), options)
}

async function statusesOf(...parameters: Parameters<typeof grantsOf>) {
  return (await grantsOf(...parameters)).map(({ status }) => status)
}

test('a missing privilege fails the check, with the statement that grants it', async (t: TestContext) => {
  const { url, account } = await createUser(t, OWNER, 'SELECT, INSERT, DELETE')
  for (const hasSchema of [true, false]) {
    const [check, ...others] = await grantsOf(t, url, { ...OPTIONS, hasSchema })
    t.assert.deepStrictEqual(others, [])
    t.assert.deepStrictEqual(check, {
      status: 'fail',
      subject: 'grants',
      text: `${account} lacks UPDATE: operations that need it fail with 503`,
      todo: `As an administrator of the database, run: GRANT UPDATE ON \`${DATABASE}\`.* TO ${account};`,
    })
  }
})

test('a privilege on each table counts, and one that a single table lacks is missing', async (t: TestContext) => {
  const { url, account } = await createUser(t, OWNER, 'SELECT, INSERT, UPDATE')
  const tables = await query(OWNER, 'SHOW TABLES')
  const [last, ...others] = tables.map((row) => String(Object.values(row)[0]))
  const grant = (name = '') => query(OWNER, `GRANT DELETE ON ${DATABASE}.${name} TO ${account}`)
  for (const name of others) await grant(name)
  const lacking = last === '__drizzle_migrations' ? others[0] : last
  await grant(last)
  await query(OWNER, `REVOKE DELETE ON ${DATABASE}.${lacking} FROM ${account}`)
  const [check] = await grantsOf(t, url)
  t.assert.match(check?.text ?? '', / lacks DELETE: /)
  await grant(lacking)
  t.assert.deepStrictEqual(await statusesOf(t, url), ['ok'])
})

test('a privilege that the server does not need is a warning, except in a private database', async (t: TestContext) => {
  const { url, account } = await createUser(t, OWNER, 'SELECT, INSERT, UPDATE, DELETE, DROP')
  const [check] = await grantsOf(t, url)
  t.assert.deepStrictEqual(
    [check?.status, check?.text],
    ['warn', `${account} has what the server does not need: DROP on ${DATABASE}.*`],
  )
  t.assert.deepStrictEqual(await statusesOf(t, url, { ...OPTIONS, isPrivate: true }), ['ok'])
  t.assert.deepStrictEqual(await statusesOf(t, OWNER), ['warn'])
})

test('missing and excess privileges of one user are both reported', async (t: TestContext) => {
  const { url, account } = await createUser(t, OWNER, 'SELECT, INSERT, UPDATE, DROP')
  const checks = await grantsOf(t, url)
  t.assert.deepStrictEqual(
    checks.map(({ status, text }) => `${status} ${text}`),
    [
      `fail ${account} lacks DELETE: operations that need it fail with 503`,
      `warn ${account} has what the server does not need: DROP on ${DATABASE}.*`,
    ],
  )
})

test('the privileges of a role count while it is active', async (t: TestContext) => {
  const { url, account } = await createUser(t, OWNER, 'SELECT')
  const role = `role_${randomBytes(6).toString('hex')}`
  await query(OWNER, `CREATE ROLE ${role}`)
  t.after(() => query(OWNER, `DROP ROLE ${role}`))
  await query(OWNER, `GRANT INSERT, UPDATE, DELETE ON ${DATABASE}.* TO ${role}`)
  await query(OWNER, `GRANT ${role} TO ${account}`)
  const [check] = await grantsOf(t, url)
  t.assert.match(
    check?.text ?? '',
    / lacks INSERT, UPDATE, DELETE: operations that need them fail with 503$/,
  )
  const [{ version } = {}] = await query(OWNER, 'SELECT VERSION() AS version')
  const preposition = String(version).includes('MariaDB') ? 'FOR' : 'TO'
  await query(OWNER, `SET DEFAULT ROLE ${role} ${preposition} ${account}`)
  t.assert.deepStrictEqual(await statusesOf(t, url), ['ok'])
})
