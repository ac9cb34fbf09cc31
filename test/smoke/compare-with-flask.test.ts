// The script of examples/moving-from-flask that plays a recorded client against two services.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { createDatabase, createEmptyDatabase } from '../support/database/database.ts'
import { createFlaskTable, openFlaskAccounts } from '../support/flask/accounts.ts'
import { createFlaskService } from '../support/flask/service.ts'
import { makeUser } from '../support/http/accounts.ts'
import { build } from '../support/http/build.ts'
import { makeFolder } from '../support/process/folder.ts'
import { listenOnLoopback } from '../support/process/listen-on-loopback.ts'

const SCRIPT = resolve('examples/moving-from-flask/compare.mjs')
/** The responses of a program on Flask 3.1.3, Flask-Login 0.6.3, Werkzeug 3.1.9 and bcrypt 5.0.0. */
const RECORDED = resolve('test/support/flask/recorded.json')
/** As in the recording. */
const PASSWORD = 'tea at the old mill'
const COST = 4

test('the stand-in for the Flask service, when the recorded client plays, responds as Flask does', async (t: TestContext) => {
  const { url } = await startFlaskService(t)
  const { code, stdout, stderr } = await compare('--against', RECORDED, url)
  t.assert.strictEqual(stdout, '29 requests: 0 differences in 0, none in 29.\n', stderr)
  t.assert.strictEqual(code, 0)
})

test('a comparison of the Flask service with Gatehouse lists what clients meet and exits with 2', async (t: TestContext) => {
  const old = await startFlaskService(t)
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const [{ id, username, password }, other] = [await makeUser(app), await makeUser(app)]
  await old.accounts.rename(id, username)
  await old.accounts.setPassword(id, await hash(password, { cost: COST }))
  const variables = join(await makeFolder(t), 'variables.json')
  await writeFile(variables, JSON.stringify({ id, otherId: other.id, username, password }))

  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { code, stdout, stderr } = await compare('--variables', variables, old.url, url)
  t.assert.strictEqual(code, 2, stderr)
  t.assert.match(stdout, /^register the same name +status +500 +400$/m)
  t.assert.match(stdout, /^read the own account +body, added +- +id, role, createdAt$/m)
  t.assert.match(stdout, /^change the password +body message +"Atualizado" +"Password changed\."$/m)
  t.assert.match(stdout, /^29 requests: \d+ differences in 29, none in 0\.$/m)
})

test('a recording of one service is written to a file, without the values of cookies', async (t: TestContext) => {
  const { url } = await startFlaskService(t)
  const file = join(await makeFolder(t), 'responses.json')
  const recorded = await compare('--record', file, url)
  t.assert.strictEqual(recorded.stdout, `29 responses written to ${file}.\n`, recorded.stderr)
  t.assert.ok(!(await readFile(file, 'utf8')).includes('session=ey'), 'the file has no cookie')
})

test('a comparison with a service that does not respond names it and exits with 1', async (t: TestContext) => {
  const { url } = await startFlaskService(t)
  const { code, stderr } = await compare(url, 'http://127.0.0.1:9')
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /^POST http:\/\/127\.0\.0\.1:9\/user failed: /)
})

test('the comparison prints its usage: with --help it exits with 0, without a URL with 1', async (t: TestContext) => {
  const help = await compare('--help')
  t.assert.strictEqual(help.code, 0)
  t.assert.match(help.stdout, /^ {2}node compare\.mjs \[options\] OLD NEW /m)
  const wrong = await compare()
  t.assert.strictEqual(wrong.code, 1)
  t.assert.strictEqual(wrong.stderr, help.stdout)
})

/** With the two accounts of the recording. */
async function startFlaskService(t: TestContext) {
  const database = await createEmptyDatabase()
  await createFlaskTable(database)
  const accounts = openFlaskAccounts(database)
  for (const name of ['maria', 'pedro']) {
    await accounts.insert(name, await hash(PASSWORD, { cost: COST }))
  }
  const server = createFlaskService({ accounts, secret: 'a key' })
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await accounts.close()
  })
  const port = await listenOnLoopback(server)
  return { url: `http://127.0.0.1:${port}`, accounts }
}

async function compare(...parameters: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...parameters])
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code: child.exitCode, stdout, stderr }
}
