import { type TestContext, test } from 'node:test'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'

const WRONG_PASSWORDS = scaled(40, 200)
/** Wrong passwords that are verified before the account is throttled. */
const FREE_TRIES = 20
const TOKENS_WANTED = scaled(130, 500)
const MOST_TOKENS = 100
const STORED_TOKENS = scaled(100_000, 1_000_000)
const DELETION_LIMIT_MS = 3_000
const LONGEST_DELAY_S = 15 * 60

test('wrong current passwords in a row are throttled and recorded', async (t: TestContext) => {
  const { database, client, observer } = await arrange(t)
  const { id, headers } = await signIn(database, 'user-0')
  const body = { password: 'a new password of the test', currentPassword: 'a wrong password' }
  const path = `/user/update-password/${id}`
  for (let attempt = 0; attempt < WRONG_PASSWORDS; attempt++) {
    await client.send({ method: 'PUT', path, headers, body })
  }
  const [events] = await database.query(
    `SELECT COALESCE(SUM(count), 0) AS failures FROM events
     WHERE user_id = ${id} AND outcome = 'failure'`,
  )
  const row = rowOf(`${WRONG_PASSWORDS} wrong current passwords`, observer)
  row.notes.push(`${events?.failures} recorded`)
  if ((observer.statuses.get('400') ?? 0) > FREE_TRIES) row.problems.push('no throttle')
  if (Number(events?.failures) === 0) row.problems.push('no event')
  conclude(t, row)
})

test('an account that makes tokens without end has a limited number of them', async (t: TestContext) => {
  const { database, client, observer } = await arrange(t)
  const { id, headers } = await signIn(database, 'user-0')
  for (let count = 0; count < TOKENS_WANTED; count++) {
    await client.send({ method: 'POST', path: '/tokens', headers, body: { name: 'x' } })
  }
  const [stored] = await database.query(`SELECT COUNT(*) AS n FROM tokens WHERE user_id = ${id}`)
  const row = rowOf(`${TOKENS_WANTED} tokens for one account`, observer)
  row.notes.push(`${stored?.n} stored`)
  if (Number(stored?.n) > MOST_TOKENS) row.problems.push(`more than ${MOST_TOKENS} tokens`)
  conclude(t, row)
})

test('the deletion of an account with very many tokens takes effect soon', async (t: TestContext) => {
  const { database, client, observer } = await arrange(t)
  const { headers } = await signIn(database, 'admin')
  const { id, headers: own } = await signIn(database, 'user-0')
  const token = await client.send({
    ...{ method: 'POST', path: '/tokens', headers: own, body: { name: 'x' } },
  })
  await database.query(
    `INSERT INTO tokens (user_id, digest, name)
     SELECT ${id}, UNHEX(SHA2(CONCAT(a.id, ' ', b.id), 256)), 'x' FROM users a JOIN users b
     LIMIT ${STORED_TOKENS}`,
  )
  const removed = await client.send({
    kind: 'write',
    method: 'DELETE',
    path: `/user/${id}`,
    headers,
  })
  const bearer = { authorization: `Bearer ${token.body.token}` }
  const late = await client.send({ path: '/me', headers: bearer })
  const row = rowOf(`deletion of an account with ${STORED_TOKENS} tokens`, observer)
  row.notes.push(`deletion ${Math.round(removed.ms)} ms`)
  if (removed.status !== 200) row.problems.push(`the deletion: ${removed.status}`)
  if (removed.ms > DELETION_LIMIT_MS) row.problems.push('a slow deletion')
  if (late.status !== 401) row.problems.push(`a token of the account afterwards: ${late.status}`)
  conclude(t, row)
})

test("the database's clock goes back by a day: a throttled login waits no longer than before", async (t: TestContext) => {
  const { database, client, observer } = await arrange(t)
  const wrong = { method: 'POST', path: '/login', body: { username: 'user-0', password: 'wrong' } }
  for (let attempt = 0; attempt < 11; attempt++) await client.send(wrong)
  // To the server, rows from tomorrow look as after a step of the clock.
  await database.query(
    `UPDATE login_failures SET last_at = last_at + INTERVAL 1 DAY,
       blocked_until = blocked_until + INTERVAL 1 DAY`,
  )
  const { status, retryAfter } = await client.send(wrong)
  const row = rowOf("the database's clock one day back", observer)
  row.notes.push(`${status}, retry-after ${retryAfter}`)
  if (Number(retryAfter ?? 0) > LONGEST_DELAY_S) row.problems.push('the delay follows the clock')
  conclude(t, row)
})
