import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import type { Queryable } from '../../../db/client.ts'
import { eventCounter, events, idempotentResponses, tokens, users } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { makeUser, signIn, storedTokens, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { until } from '../../support/until.ts'

const RETRIES = 1_000
const PASSWORD = 'a wind from the old harbour'

type Answer = Awaited<ReturnType<typeof send>>

/** Two instances with one database. */
async function buildTwo(t: TestContext): Promise<[App, App]> {
  const DATABASE_URL = await createDatabase()
  const [first, second] = [await build(t, { DATABASE_URL }), await build(t, { DATABASE_URL })]
  return [first.app, second.app]
}

/** Sends requests while a lock is held, and releases it once this many of them wait for a lock. */
async function meetAtLock(
  app: App,
  lock: (tx: Queryable) => Promise<unknown>,
  requests: (() => Promise<Answer>)[],
): Promise<Answer[]> {
  const { pending } = await transaction(app.db, async (tx) => {
    await lock(tx)
    const sent: Promise<Answer>[] = []
    for (const [index, request] of requests.entries()) {
      sent.push(request())
      await until(
        async () => (await countWaiting(app)) > index,
        () => 'the request does not wait for a lock',
      )
    }
    return { pending: Promise.all(sent) }
  })
  return pending
}

async function countWaiting(app: App): Promise<number> {
  const [rows] = await app.db.execute(
    sql`SELECT COUNT(*) AS waiting FROM information_schema.processlist
      WHERE db = DATABASE() AND id <> CONNECTION_ID() AND (info LIKE '%for update'
        OR info LIKE 'insert into \`users\`%' OR info LIKE 'update \`event_counter\`%')`,
  )
  return Number(Object(Array.isArray(rows) ? rows[0] : undefined).waiting)
}

const lockUser = (id: number) => (tx: Queryable) =>
  tx.select({ id: users.id }).from(users).where(eq(users.id, id)).for('update')

async function assertOneAnswer(t: TestContext, app: App, answers: Answer[], key: number) {
  for (const answer of answers) t.assert.strictEqual(answer.statusCode, 200, answer.body)
  t.assert.strictEqual(new Set(answers.map(({ body }) => body)).size, 1)
  const replayed = answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')
  t.assert.strictEqual(replayed.length, answers.length - 1)
  t.assert.strictEqual(await app.db.$count(idempotentResponses), key)
}

for (const kind of ['token', 'account'] as const) {
  test(`1,000 requests at once for one ${kind} with one key, over two instances, make one row and get one answer`, async (t: TestContext) => {
    const apps = await buildTwo(t)
    const [app] = apps
    const account = await makeUser(app)
    const cookie = kind === 'token' ? await signIn(app, account) : undefined
    const username = `u-${randomUUID()}`
    const body = kind === 'token' ? { name: 'job' } : { username, password: PASSWORD }
    const headers = { 'idempotency-key': randomUUID() }
    const refused: string[] = []
    const url = kind === 'token' ? '/tokens' : '/user'
    const retryUntilAnswered = async (index: number): Promise<Answer> => {
      for (let attempt = index; ; attempt++) {
        const to = apps[attempt % 2] ?? app
        const answer = await send(to, 'POST', url, { body, headers, ...(cookie && { cookie }) })
        if (answer.statusCode === 200) return answer
        // A busy machine takes more than the time limit for a thousand at once: a 503, before anything is done.
        if (answer.statusCode !== 503) refused.push(answer.json().code)
        if (attempt - index > 20) return answer
        t.assert.strictEqual(answer.headers['retry-after'], '1')
        await sleep(1_000 + Math.random() * 1_000) // as `retry-after` says
      }
    }
    const sent = Array.from({ length: RETRIES }, (_, index) => retryUntilAnswered(index))
    const answers = await Promise.all(sent)
    await assertOneAnswer(t, app, answers, 1)
    t.assert.deepStrictEqual(
      refused.filter((code) => code !== 'IDEMPOTENCY_IN_PROGRESS'),
      [],
    )
    const isToken = kind === 'token'
    t.assert.strictEqual(await app.db.$count(tokens), isToken ? 1 : 0)
    t.assert.strictEqual(await app.db.$count(users), isToken ? 1 : 2)
    t.assert.strictEqual(await app.db.$count(events), 1)
    t.diagnostic(`${refused.length} requests were refused as in progress, and sent again`)
  })
}

test('a second request with the key of one that is being processed is a 409, and gets its answer later', async (t: TestContext) => {
  const [app] = await buildTwo(t)
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const options = { cookie, body: { name: 'job' }, headers: { 'idempotency-key': 'one' } }
  const create = () => send(app, 'POST', '/tokens', options)
  const { early, pending } = await transaction(app.db, async (tx) => {
    await lockUser(account.id)(tx)
    const first = create()
    await until(
      async () => (await countWaiting(app)) > 0,
      () => 'the first request does not wait for the lock',
    )
    return { early: await create(), pending: first }
  })
  const first = await pending
  assertError(t, early, 409, 'IDEMPOTENCY_IN_PROGRESS')
  t.assert.strictEqual(early.headers['retry-after'], '1')
  t.assert.strictEqual((await create()).body, first.body)
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 1)
})

test('two instances that create a token with one key at the same time commit one', async (t: TestContext) => {
  const apps = await buildTwo(t)
  const [app] = apps
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const options = { cookie, body: { name: 'job' }, headers: { 'idempotency-key': 'one' } }
  const requests = apps.map((one) => () => send(one, 'POST', '/tokens', options))
  await assertOneAnswer(t, app, await meetAtLock(app, lockUser(account.id), requests), 1)
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 1)
  t.assert.strictEqual(await app.db.$count(events), 1)
})

test('two instances that register an account with one key at the same time both return it', async (t: TestContext) => {
  const apps = await buildTwo(t)
  const [app] = apps
  const body = { username: `u-${randomUUID()}`, password: PASSWORD }
  const options = { body, headers: { 'idempotency-key': 'one' } }
  const requests = apps.map((one) => () => send(one, 'POST', '/user', options))
  const lock = (tx: Queryable) => tx.select().from(eventCounter).for('update')
  await assertOneAnswer(t, app, await meetAtLock(app, lock, requests), 1)
  t.assert.strictEqual(await app.db.$count(users), 1)
})

test('two instances that change a password with one key, and check the old one, both succeed', async (t: TestContext) => {
  const apps = await buildTwo(t)
  const [app] = apps
  const account = await makeUser(app)
  const options = {
    cookie: await signIn(app, account),
    body: { password: PASSWORD, currentPassword: account.password },
    headers: { 'idempotency-key': 'one' },
  }
  const url = `/user/update-password/${account.id}`
  const requests = apps.map((one) => () => send(one, 'PUT', url, options))
  await assertOneAnswer(t, app, await meetAtLock(app, lockUser(account.id), requests), 1)
  t.assert.strictEqual((await storedUser(app, account.id))?.version, 2)
})

test('two instances that refuse the same request return one refusal', async (t: TestContext) => {
  const apps = await buildTwo(t)
  const [app] = apps
  const cookie = await signIn(app, await makeUser(app))
  for (let round = 0; round < 20; round++) {
    const headers = { 'idempotency-key': String(round) }
    const answers = await Promise.all(
      apps.map((one) => send(one, 'DELETE', '/tokens/999999', { cookie, headers })),
    )
    for (const answer of answers) assertError(t, answer, 404, 'TOKEN_NOT_FOUND')
  }
  t.assert.strictEqual(await app.db.$count(idempotentResponses), 20)
})

test('a change that is repeated after a lock timeout makes one row and one answer', async (t: TestContext) => {
  const [app] = await buildTwo(t)
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const options = { cookie, body: { name: 'job' }, headers: { 'idempotency-key': 'one' } }
  let begun = 0
  const { result } = await statementsDuring(
    async () => {
      const { pending } = await transaction(app.db, async (tx) => {
        await lockUser(account.id)(tx)
        begun = 0
        const sent = send(app, 'POST', '/tokens', options)
        await until(
          () => begun > 1,
          () => 'the transaction is not repeated',
        )
        return { pending: sent }
      })
      return pending
    },
    (statement) => {
      if (statement === 'BEGIN') begun++
    },
  )
  t.assert.strictEqual(result.statusCode, 200, result.body)
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 1)
  t.assert.strictEqual(await app.db.$count(idempotentResponses), 1)
})
