// Follows docs/moving-from-flask.md, while clients of the Flask service work.
import { type TestContext, test } from 'node:test'
import { query } from '../support/database/query.ts'
import type { Client } from '../support/moving/client.ts'
import { Load } from '../support/moving/load.ts'
import * as roles from '../support/moving/roles.ts'
import { prepareSite, type Site } from '../support/moving/site.ts'
import { needsNginx } from '../support/process/nginx.ts'

/** How long each phase lasts, in the cycles of the slowest client. */
const CYCLES = 4
/** More than the deleter can delete. */
const VICTIMS = 100

test(
  'a move to Gatehouse and back, under load, logs nobody out and loses nothing',
  needsNginx,
  async (t: TestContext) => {
    const site = await prepareSite(t)
    const flask = await site.startFlask()
    const move = await startClients(t, site)
    await changePasswordBeforeImport(t, move)

    await site.runCli('migrate')
    await site.importAgain()
    const gatehouse = await site.startGatehouse()
    await switchReads(t, move)
    await switchWrites(move)
    flask.kill('SIGTERM')
    await stopLoad(t, move)

    await checkSessions(t, move)
    await checkAcknowledged(t, move)
    await checkUnsentCookie(t, move)

    await prepareReturn(t, move)
    await goBack(t, move)
    await checkReturn(t, move)
    t.assert.doesNotMatch(gatehouse.said(), /"level":[56]0/)
    for (const line of site.responses.lines) t.diagnostic(line)
  },
)

interface Move {
  site: Site
  accounts: Accounts
  /** The number of accounts before the load. */
  initialCount: number
  clients: { sleeping: Client; staying: Client; early: Client; shared: Client }
  /** Clients that log in and change accounts, until the end of the move. */
  load: Load
  /** Clients that read, until the end of the way back. */
  readers: Load
  expectations: roles.Expectations
}

type Accounts = Awaited<ReturnType<typeof addAccounts>>

async function addAccounts({ addAccount: add }: Site) {
  const ada = await add('ada', 'admin')
  const [maria, pedro, sleeper] = [await add('maria'), await add('pedro'), await add('josé')]
  const [changer, early, stayer] = [await add('changer'), await add('early'), await add('stayer')]
  const victims: roles.KnownAccount[] = []
  for (let index = 0; index < VICTIMS; index++) victims.push(await add(`victim ${index}`))
  return { ada, maria, pedro, sleeper, changer, early, stayer, victims }
}

/** Phase 1-old: all clients log in at the Flask service and work. */
async function startClients(t: TestContext, site: Site): Promise<Move> {
  const accounts = await addAccounts(site)
  const { ada, maria, pedro, sleeper, changer, early, stayer, victims } = accounts
  const initialCount = await countRows(site.flaskDatabase, 'user')
  const clients = {
    sleeping: await site.loggedIn(sleeper),
    staying: await site.loggedIn(stayer),
    early: await site.loggedIn(early),
    shared: site.newClient('a shared browser'),
  }
  const expectations = new roles.Expectations()
  const context = { url: site.url, responses: site.responses, expectations }
  const [load, readers] = [new Load(site.responses), new Load(site.responses)]
  t.after(() => Promise.all([load.stop(), readers.stop()]))
  readers.start(
    roles.reader(await site.loggedIn(maria), maria),
    roles.reader(clients.staying, stayer),
  )
  load.start(
    roles.registrar(context),
    roles.passwordChanger(await site.loggedIn(changer), changer, context),
    roles.loggingOutClient(pedro, context),
    roles.deleter(await site.loggedIn(ada), victims, context),
  )
  await load.waitForCycles(CYCLES)
  return { site, accounts, initialCount, clients, load, readers, expectations }
}

async function changePasswordBeforeImport(t: TestContext, { accounts, clients }: Move) {
  const { early } = accounts
  early.password = 'changed before the first import'
  const changed = await clients.early.changePassword(early.id, early.password)
  t.assert.strictEqual(changed.status, 200)
}

/** Phase 2-reads. In one browser, a second user logs in without a logout of the first one. */
async function switchReads(t: TestContext, { site, accounts, clients, load }: Move) {
  const { maria, pedro } = accounts
  const { shared } = clients
  await site.switchTo('2-reads')
  t.assert.strictEqual((await shared.logIn(maria)).status, 200)
  t.assert.strictEqual((await shared.read(maria.id)).status, 200)
  t.assert.deepStrictEqual(shared.cookieNames, ['__Host-session', 'session'])
  t.assert.strictEqual((await shared.logIn(pedro)).status, 200)
  await load.waitForCycles(CYCLES)
  await site.importAgain()
  await load.waitForCycles(CYCLES)
}

/** Phases 3-paused and 4-new. */
async function switchWrites({ site, load }: Move) {
  await site.switchTo('3-paused')
  await site.importAgain()
  await site.switchTo('4-new')
  await load.waitForCycles(CYCLES)
  await site.importAgain()
}

/** The clients continue for some cycles without the Flask service. */
async function stopLoad(t: TestContext, { site, load }: Move) {
  await load.waitForCycles(CYCLES)
  await load.stop()
  assertNoFailure(t, site, load)
}

async function checkSessions(t: TestContext, { accounts, clients, expectations }: Move) {
  const { early, pedro } = accounts
  const own = await clients.shared.send('me', 'GET', '/me')
  t.assert.strictEqual(own.body.username, pedro.username)
  t.assert.strictEqual(expectations.relogins, 1, 'once, by the client that changed its password')
  t.assert.strictEqual((await clients.early.read(early.id)).status, 200, 'not for a change before')
}

async function checkAcknowledged(t: TestContext, move: Move) {
  const { site, accounts, initialCount, clients } = move
  const { registered, deleted, loggedOut } = move.expectations
  for (const list of [registered, deleted, loggedOut]) t.assert.ok(list.length > 0)
  await checkLogins(t, site, [...registered, accounts.changer, accounts.early], 200)
  await checkLogins(t, site, deleted, 400)
  for (const { id } of deleted) {
    t.assert.strictEqual((await clients.staying.read(id)).status, 404)
  }
  for (const copy of loggedOut) {
    const reply = await copy.read(accounts.pedro.id)
    t.assert.strictEqual(reply.status, 401, 'a logout stays a logout')
  }
  const expected = initialCount + registered.length - deleted.length
  t.assert.strictEqual(await countRows(site.gatehouseDatabase, 'users'), expected)
}

/** A client that has sent no request since its login at the Flask service is still logged in. */
async function checkUnsentCookie(t: TestContext, { accounts, clients }: Move) {
  const { sleeping } = clients
  const stolen = sleeping.copy()
  t.assert.strictEqual((await sleeping.read(accounts.sleeper.id)).status, 200)
  t.assert.deepStrictEqual(sleeping.cookieNames, ['__Host-session', 'session'])
  const refused = await stolen.read(accounts.sleeper.id)
  t.assert.strictEqual(refused.status, 401, 'a cookie is exchanged once')
}

/** What `back.sql` has to copy: a new account, and one that is disabled. */
async function prepareReturn(t: TestContext, { site, accounts }: Move) {
  const latest = { username: 'latest', password: accounts.changer.password }
  t.assert.strictEqual((await site.newClient('latest').register(latest)).status, 200)
  const { id } = accounts.sleeper
  await query(site.gatehouseDatabase, `UPDATE users SET disabled = 1 WHERE id = ${id}`)
}

async function goBack(t: TestContext, { site, readers }: Move) {
  await site.startFlask()
  await site.switchTo('3-paused')
  t.assert.deepStrictEqual(await site.runBackSql(), [])
  // The next import has nothing to take over, except that `latest` is known from now on.
  const again = await site.runCli('import', site.flaskDatabase, '--json')
  t.assert.strictEqual(JSON.parse(again).updated, 0)
  await site.switchTo('1-old')
  await readers.waitForCycles(CYCLES)
  await readers.stop()
  assertNoFailure(t, site, readers)
}

function assertNoFailure(t: TestContext, site: Site, { failures }: Load): void {
  t.assert.strictEqual(failures.length, 0, `${failures.join('\n')}\n${site.nginxLog()}`)
}

async function checkReturn(t: TestContext, { site, accounts, expectations }: Move) {
  const { changer, early, maria, sleeper } = accounts
  const latest = { username: 'latest', password: changer.password }
  await checkLogins(t, site, [latest, changer, early, maria], 200)
  await checkLogins(t, site, [...expectations.deleted, sleeper], 400)
}

async function checkLogins(
  t: TestContext,
  site: Site,
  accounts: { username: string; password: string }[],
  status: number,
) {
  for (const account of accounts) {
    const reply = await site.newClient('at the end').logIn(account)
    const about = `${account.username} logs in, phase ${site.responses.phase}`
    t.assert.strictEqual(reply.status, status, about)
  }
}

async function countRows(url: string, table: string): Promise<number> {
  const [row] = await query(url, `SELECT COUNT(*) AS count FROM ${table}`)
  return Number(row?.count)
}
