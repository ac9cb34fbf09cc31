// Runs the commands of "A night on call" in docs/operations.md as they are written, against a server.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { findProgram } from '../../scripts/server-binary.mjs'
import { createDatabase } from '../support/database/database.ts'
import { install, nodeArguments, startServer } from '../support/process/installation.ts'

const PASSWORD = 'tea at the old mill'
const PAGE = readFileSync('docs/operations.md', 'utf8')
const SETTINGS = {
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
  METRICS_PORT: '0',
  BCRYPT_COST: '10',
}
const needsJq = { skip: findProgram('jq') ? false : 'no jq', timeout: 120_000 }

/** @returns the short names of the page, as its part for systemd defines them */
function shortNames(): string {
  const [, names = ''] = /^```sh\n(# systemd.*?)^```$/ms.exec(PAGE) ?? []
  return names
}

/** @returns the commands of each step, by its number */
function commandsOfTheNight(): Map<string, string> {
  const [, night = ''] = PAGE.split('## A night on call\n')
  const [steps = ''] = night.split(/^## /m)
  const found = new Map<string, string>()
  for (const part of steps.split(/^### /m).slice(1)) {
    const [number = ''] = part.split('.', 1)
    const blocks = [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
    found.set(number, blocks.join('\n'))
  }
  return found
}

test(
  'the commands of the ten steps of the night on call, with the definitions for systemd, show what each step is about',
  needsJq,
  async (t: TestContext) => {
    const DATABASE_URL = await createDatabase()
    const site = await install(t)
    const settings = { ...SETTINGS, DATABASE_URL }
    // The unit sets NODE_ENV, and its file has the other settings.
    const server = await startServer(site, { NODE_ENV: 'production', ...settings })
    const metrics = await server.until(/Metrics at (http:[^"]+)/)
    const file = join(site.folder, 'server.env')
    await writeFile(
      file,
      Object.entries(settings)
        .map((pair) => `${pair.join('=')}\n`)
        .join(''),
    )
    const replacements = {
      '/etc/gatehouse/server.env': file,
      '/opt/gatehouse/dist/src/cli.js': nodeArguments('src/cli.ts', []).at(-1) ?? '',
      'journalctl --unit gatehouse --output cat --since "${1:-1 hour ago}"': `printf '%s\\n' "$SERVER_LOG"`,
      'http://127.0.0.1:9464/metrics': metrics,
    }
    let definitions = shortNames()
    for (const [installed, here] of Object.entries(replacements)) {
      t.assert.strictEqual(definitions.split(installed).length, 2, installed)
      definitions = definitions.replace(installed, () => here)
    }
    const commands = commandsOfTheNight()
    t.assert.strictEqual(commands.size, 10)

    async function shell(script: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
      const PATH = `${dirname(process.execPath)}:${process.env.PATH}`
      const env = { PATH, URL: server.url, SERVER_LOG: server.said(), ...environment }
      const { stdout, stderr } = await promisify(execFile)(
        'bash',
        ['--norc', '-c', `${definitions}\n${script}`],
        { cwd: site.folder, env },
      )
      t.assert.doesNotMatch(stderr, /error|not found|unknown/i, script)
      return stdout
    }
    /** @param replaced what the page has as examples, and what it is here */
    const answer = (number: number, replaced: Record<string, string> = {}, environment = {}) => {
      let script = commands.get(String(number)) ?? ''
      for (const [example, real] of Object.entries(replaced)) {
        script = script.replaceAll(example, real)
      }
      return shell(script, environment)
    }
    const send = async (method: string, path: string, headers = {}, body?: object) => {
      const content = body && { 'content-type': 'application/json' }
      const init = {
        method,
        headers: { ...headers, ...content },
        ...(body && { body: JSON.stringify(body) }),
      }
      return fetch(`${server.url}${path}`, init)
    }
    const logIn = async (password: string, id = 'support-4711') => {
      const account = { username: 'ada', password }
      const response = await send('POST', '/login', { 'x-request-id': id }, account)
      return { cookie: response.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? '' }
    }
    await send('POST', '/user', {}, { username: 'ada', password: PASSWORD })
    await shell('gatehouse user set-role ada admin')
    await send('POST', '/user', {}, { username: 'bob', password: PASSWORD })
    await shell('gatehouse user set-role bob admin')
    const cookies = [await logIn(PASSWORD), await logIn(PASSWORD)]
    await logIn('not the password')
    await send('GET', '/user/4711', cookies[0])

    t.assert.match(await answer(1), /200\n.*200\n/s)
    const checked = await answer(2)
    t.assert.match(checked, /^ok +schema/m)
    t.assert.match(checked, /^\w+ +cookie +COOKIE_SECURE=true/m)
    // Commands have the settings of production, as the server has: `seed` refuses.
    await t.assert.rejects(shell('gatehouse seed --users 1'), { code: 2 })
    // The second failed login is of the doctor.
    t.assert.match(await answer(3), /2 400\tINVALID_CREDENTIALS\tPOST\t\/login/)
    const slow = await answer(4, { '> 250': '> 1' })
    t.assert.match(slow, /POST\t\/login\t200/)
    t.assert.match(slow, /^gatehouse_password_hashes_waiting 0$/m)
    t.assert.match(await answer(5), /"reqId":"support-4711".*"requestId":"support-4711"/s)
    t.assert.match(await answer(6), /^failed attempts +[0-9]+$.*^[0-9]+ .* login +failure/ms)
    t.assert.match(await answer(7), /^ada +[0-9]+ /m)

    const sessions = JSON.parse(await shell('gatehouse session list ada --json'))
    const created = JSON.parse(await shell('gatehouse token create ada --name one --json'))
    const TOKEN = (await shell('gatehouse token create ada --name two')).trim()
    t.assert.strictEqual(
      (await send('GET', '/me', { authorization: `Bearer ${TOKEN}` })).status,
      200,
    )
    // The other way round: disabling ends all of them.
    const lines = (commands.get('8') ?? '').trimEnd().split('\n').reverse().join('\n')
    commands.set('8', lines)
    const ids = { 'end 41': `end ${sessions[0].id}`, 'end 7 ': `end ${created.id} ` }
    t.assert.match(await answer(8, ids, { TOKEN }), /Logged out.*User ada disabled/s)
    for (const headers of [...cookies, { authorization: `Bearer ${TOKEN}` }]) {
      t.assert.strictEqual((await send('GET', '/me', headers)).status, 401)
    }
    t.assert.match(await answer(9), /^1\t127\.0\.0\.1\t[0-9]+$/m)
    t.assert.match(await answer(10), /user_updated .*disabled=true/)
  },
)
