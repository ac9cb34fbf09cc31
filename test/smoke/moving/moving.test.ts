// Follows docs/moving-from-flask.md, while clients of the old service work.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { createEmptyDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import { createFlaskTable, openFlaskAccounts } from '../../support/flask/accounts.ts'
import { Client, Sightings } from '../../support/moving/client.ts'
import { Load } from '../../support/moving/load.ts'
import { needsNginx, type Phase, startNginx } from '../../support/moving/nginx.ts'
import * as roles from '../../support/moving/roles.ts'
import { freePort } from '../../support/process/free-port.ts'
import { type Installation, install, startServer } from '../../support/process/installation.ts'
import { until } from '../../support/until.ts'

const SECRET_KEY = randomBytes(24).toString('hex')
const DAY_MS = 86_400_000
const OLD_COST = 4
/** How long each phase lasts, in the cycles of the slowest client. */
const CYCLES = 4
/** More than the deleter can delete. */
const VICTIMS = 100

test(
  'a move to Gatehouse and back, under load, logs nobody out and loses nothing',
  needsNginx,
  async (t: TestContext) => {
    const site = await install(t)
    const [oldUrl, newUrl] = [await createEmptyDatabase(), await createEmptyDatabase()]
    const ports = { flask: await freePort(), gatehouse: await freePort() }
    const add = await fillOldTable(t, oldUrl)
    const sightings = new Sightings()
    const ledger = new roles.Ledger()
    let old = await startFlaskService(site, ports.flask, oldUrl)
    const nginx = await startNginx(t, ports)
    const { url } = nginx
    const scene = { url, sightings, ledger }
    async function switchTo(phase: Phase): Promise<void> {
      sightings.phase = `to ${phase}`
      await nginx.switchTo(phase)
      sightings.phase = phase
    }
    const environment = {
      NODE_ENV: 'production',
      DATABASE_URL: newUrl,
      SESSION_SECRET: 'the secret of the moving test of 32 characters or more',
      TRUST_PROXY: '127.0.0.1',
      RATE_LIMIT_ENABLED: 'false',
      // The machine may be busy with other tests.
      MAX_EVENT_LOOP_DELAY_MS: '60000',
      DATABASE_TIMEOUT_MS: '60000',
      FLASK_SECRET_KEY: SECRET_KEY,
      FLASK_SESSIONS_UNTIL: new Date(Date.now() + 30 * DAY_MS).toISOString(),
    }
    const runCli = async (...args: string[]) => {
      const done = await site.run('src/cli.ts', args, environment)
      t.assert.strictEqual(done.code, 0, done.stdout + done.stderr)
      t.diagnostic(`${args[0]}: ${done.stdout}`)
    }
    const importAgain = () => runCli('import', oldUrl, '--delete-missing')
    /** A browser that logs in by the old service. */
    async function loggedIn(account: roles.KnownAccount): Promise<Client> {
      const client = new Client(url, sightings, account.username)
      t.assert.strictEqual((await client.logIn(account)).status, 200)
      return client
    }

    // The old service alone
    sightings.phase = '1-old'
    const ada = await add('ada', 'admin')
    const [maria, pedro, sleeper] = [await add('maria'), await add('pedro'), await add('josé')]
    const [changer, early, stayer] = [await add('changer'), await add('early'), await add('stayer')]
    const victims: roles.KnownAccount[] = []
    for (let index = 0; index < VICTIMS; index++) victims.push(await add(`victim ${index}`))
    const before = await query(oldUrl, 'SELECT id FROM user')
    const load = new Load(sightings)
    const readers = new Load(sightings)
    t.after(() => Promise.all([load.stop(), readers.stop()]))
    const sleeping = await loggedIn(sleeper)
    const staying = await loggedIn(stayer)
    readers.start(roles.reader(await loggedIn(maria), maria), roles.reader(staying, stayer))
    load.start(
      roles.registrar(scene),
      roles.passwordChanger(await loggedIn(changer), changer, scene),
      roles.leaver(pedro, scene),
      roles.deleter(await loggedIn(ada), victims, scene),
    )
    await load.workOn(CYCLES)
    const earlyClient = await loggedIn(early)
    early.password = 'changed before the first import'
    t.assert.strictEqual((await earlyClient.changePassword(early.id, early.password)).status, 200)

    // Gatehouse beside it
    await runCli('migrate')
    await importAgain()
    const gatehouse = await startServer(site, { ...environment, PORT: String(ports.gatehouse) })
    await switchTo('2-reads')
    // A browser in which somebody else logs in, without a logout before.
    const shared = await loggedIn(maria)
    t.assert.strictEqual((await shared.read(maria.id)).status, 200)
    t.assert.deepStrictEqual(shared.cookieNames, ['__Host-session', 'session'])
    t.assert.strictEqual((await shared.logIn(pedro)).status, 200)
    await load.workOn(CYCLES)
    await importAgain()
    await load.workOn(CYCLES)

    // Gatehouse alone
    await switchTo('3-paused')
    await importAgain()
    await switchTo('4-new')
    await load.workOn(CYCLES)
    await importAgain()
    old.kill('SIGTERM')
    await load.workOn(CYCLES)
    await load.stop()
    t.assert.deepStrictEqual(load.failures, [])

    // Who is logged in
    t.assert.strictEqual((await shared.send('me', 'GET', '/me')).body.username, pedro.username)
    t.assert.strictEqual(ledger.relogins, 1, 'once, by the client that changed its password')
    t.assert.strictEqual((await earlyClient.read(early.id)).status, 200, 'not for a change before')

    // What was acknowledged
    t.assert.ok(ledger.registered.length > 0 && ledger.deleted.length > 0)
    t.assert.ok(ledger.loggedOut.length > 0)
    for (const account of [...ledger.registered, changer, early]) {
      const reply = await new Client(url, sightings, 'at the end').logIn(account)
      t.assert.strictEqual(reply.status, 200, `${account.username} logs in`)
    }
    for (const account of ledger.deleted) {
      const reply = await new Client(url, sightings, 'at the end').logIn(account)
      t.assert.strictEqual(reply.status, 400, `${account.username} is deleted`)
      t.assert.strictEqual((await staying.read(account.id)).status, 404)
    }
    for (const copy of ledger.loggedOut) {
      t.assert.strictEqual((await copy.read(pedro.id)).status, 401, 'a logout stays a logout')
    }
    const [{ count } = {}] = await query(newUrl, 'SELECT COUNT(*) AS count FROM users')
    const expected = before.length + ledger.registered.length - ledger.deleted.length
    t.assert.strictEqual(count, expected)

    // A cookie that nobody sent since the old service set it
    const stolen = sleeping.copy()
    t.assert.strictEqual((await sleeping.read(sleeper.id)).status, 200)
    t.assert.deepStrictEqual(sleeping.cookieNames, ['__Host-session', 'session'])
    t.assert.strictEqual((await stolen.read(sleeper.id)).status, 401, 'it is exchanged once')

    // The way back
    const { password } = changer
    const latest = new Client(url, sightings, 'latest')
    await latest.register({ username: 'latest', password })
    await query(newUrl, `UPDATE users SET disabled = 1 WHERE id = ${sleeper.id}`)
    await switchTo('3-paused')
    old = await startFlaskService(site, ports.flask, oldUrl)
    t.assert.deepStrictEqual(await runBackSql(oldUrl, newUrl), [])
    // Nothing to take over, except that `latest` is known from now on.
    const again = await site.run('src/cli.ts', ['import', oldUrl, '--json'], environment)
    t.assert.strictEqual(again.code, 0, again.stdout + again.stderr)
    t.assert.strictEqual(JSON.parse(again.stdout).updated, 0)
    await switchTo('1-old')
    await readers.workOn(CYCLES)
    await readers.stop()
    t.assert.deepStrictEqual(readers.failures, [])
    for (const account of [{ username: 'latest', password }, changer, early, maria]) {
      const reply = await new Client(url, sightings, 'back').logIn(account)
      t.assert.strictEqual(reply.status, 200, `${account.username} logs in at the old service`)
    }
    for (const account of [...ledger.deleted, sleeper]) {
      const reply = await new Client(url, sightings, 'back').logIn(account)
      t.assert.strictEqual(reply.status, 400, `${account.username} is deleted or disabled`)
    }
    t.assert.doesNotMatch(gatehouse.said(), /"level":[56]0/)
    for (const line of sightings.lines) t.diagnostic(line)
  },
)

/** @returns a function that adds an account to the old table */
async function fillOldTable(t: TestContext, url: string) {
  await createFlaskTable(url)
  const table = openFlaskAccounts(url)
  t.after(() => table.close())
  return async (username: string, role = 'user'): Promise<roles.KnownAccount> => {
    const password = `secret of ${username}`
    const id = await table.insert(username, await hash(password, { cost: OLD_COST }), role)
    return { id, username, password }
  }
}

/** The old service as a process. */
async function startFlaskService(site: Installation, port: number, url: string) {
  const child = site.start('test/support/flask/main.ts', [String(port), url, SECRET_KEY])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  }
  await until(
    () => output.includes('listening'),
    () => `the old service did not start: ${output}`,
  )
  return child
}

/** Runs back.sql of the example. @returns the accounts that the old service will not have */
async function runBackSql(oldUrl: string, newUrl: string): Promise<unknown> {
  const nameOf = (url: string) => new URL(url).pathname.slice(1)
  const statements = readFileSync('examples/moving-from-flask/back.sql', 'utf8')
    .replaceAll('`flask-crud`.', `${nameOf(oldUrl)}.`)
    .replaceAll(/\bgatehouse(?=[.;])/g, nameOf(newUrl))
  const connection = await createConnection({ uri: newUrl, multipleStatements: true })
  const [results] = await connection.query<RowDataPacket[][]>(statements)
  await connection.end()
  return results.at(-1)
}
