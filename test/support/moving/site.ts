import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { createEmptyDatabase } from '../database/database.ts'
import { createFlaskTable, openFlaskAccounts } from '../flask/accounts.ts'
import { freePort } from '../process/free-port.ts'
import { type Installation, install, startServer } from '../process/installation.ts'
import { until } from '../until.ts'
import { Client, ResponseCounts } from './client.ts'
import { type Phase, startNginx } from './nginx.ts'
import type { KnownAccount } from './roles.ts'

const SECRET_KEY = randomBytes(24).toString('hex')
const DAY_MS = 86_400_000
const FLASK_COST = 4

export type Site = Awaited<ReturnType<typeof prepareSite>>

/** Starts nginx in phase 1, and prepares both services behind it, each with its own empty database. */
export async function prepareSite(t: TestContext) {
  const installation = await install(t)
  const [flaskDatabase, gatehouseDatabase] = [
    await createEmptyDatabase(),
    await createEmptyDatabase(),
  ]
  const ports = { flask: await freePort(), gatehouse: await freePort() }
  const addAccount = await openFlaskTable(t, flaskDatabase)
  const responses = new ResponseCounts()
  responses.phase = '1-old'
  const nginx = await startNginx(t, ports)
  const environment = {
    NODE_ENV: 'production',
    DATABASE_URL: gatehouseDatabase,
    SESSION_SECRET: 'the secret of the moving test of 32 characters or more',
    TRUST_PROXY: '127.0.0.1',
    RATE_LIMIT_ENABLED: 'false',
    // The machine may be busy with other tests.
    MAX_EVENT_LOOP_DELAY_MS: '60000',
    DATABASE_TIMEOUT_MS: '60000',
    FLASK_SECRET_KEY: SECRET_KEY,
    FLASK_SESSIONS_UNTIL: new Date(Date.now() + 30 * DAY_MS).toISOString(),
  }
  /** Runs a command of Gatehouse. @returns its standard output */
  async function runCli(...args: string[]): Promise<string> {
    const done = await installation.run('src/cli.ts', args, environment)
    t.assert.strictEqual(done.code, 0, done.stdout + done.stderr)
    t.diagnostic(`${args[0]}: ${done.stdout}`)
    return done.stdout
  }

  return {
    url: nginx.url,
    nginxLog: nginx.log,
    flaskDatabase,
    gatehouseDatabase,
    responses,
    addAccount,
    runCli,
    importAgain: () => runCli('import', flaskDatabase, '--delete-missing'),
    startFlask: () => startFlaskService(installation, ports.flask, flaskDatabase),
    startGatehouse: () =>
      startServer(installation, { ...environment, PORT: String(ports.gatehouse) }),
    runBackSql: () => runBackSql(flaskDatabase, gatehouseDatabase),
    async switchTo(phase: Phase): Promise<void> {
      responses.phase = `to ${phase}`
      await nginx.switchTo(phase)
      responses.phase = phase
    },
    newClient: (agent: string) => new Client(nginx.url, responses, agent),
    /** @returns a client of its own for the account, which has logged in */
    async loggedIn(account: KnownAccount): Promise<Client> {
      const client = new Client(nginx.url, responses, account.username)
      t.assert.strictEqual((await client.logIn(account)).status, 200)
      return client
    },
  }
}

/** @returns a function that adds an account to the table of the Flask service */
async function openFlaskTable(t: TestContext, url: string) {
  await createFlaskTable(url)
  const table = openFlaskAccounts(url)
  t.after(() => table.close())
  return async (username: string, role = 'user'): Promise<KnownAccount> => {
    const password = `secret of ${username}`
    const id = await table.insert(username, await hash(password, { cost: FLASK_COST }), role)
    return { id, username, password }
  }
}

/** Starts the stand-in for the Flask service as a process, and waits until it listens. */
async function startFlaskService(installation: Installation, port: number, url: string) {
  const child = installation.start('test/support/flask/main.ts', [String(port), url, SECRET_KEY])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  }
  await until(
    () => output.includes('listening'),
    () => `the Flask service did not start: ${output}`,
  )
  return child
}

/** Runs back.sql of the example. @returns the accounts that the Flask service will not have */
async function runBackSql(flaskDatabase: string, gatehouseDatabase: string): Promise<unknown> {
  const nameOf = (url: string) => new URL(url).pathname.slice(1)
  const statements = readFileSync('examples/moving-from-flask/back.sql', 'utf8')
    .replaceAll('`flask-crud`.', `${nameOf(flaskDatabase)}.`)
    .replaceAll(/\bgatehouse(?=[.;])/g, nameOf(gatehouseDatabase))
  const connection = await createConnection({ uri: gatehouseDatabase, multipleStatements: true })
  const [results] = await connection.query<RowDataPacket[][]>(statements)
  await connection.end()
  return results.at(-1)
}
