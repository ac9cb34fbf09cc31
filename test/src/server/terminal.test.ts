import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { VERSION } from '../../../src/config/version.ts'
import { createDatabase } from '../../support/database/database.ts'
import { ended, exitCode, install, listenTo } from '../../support/process/installation.ts'
import { needsTerminals, startOnTerminal } from '../../support/process/terminal.ts'

const DATABASE_URL = await createDatabase()
const CTRL_C = '\x03'
const TZ = 'Asia/Tokyo'

test(
  'the server, on a terminal, logs lines for people: local time, level names and short request ids',
  needsTerminals,
  async (t: TestContext) => {
    const site = await install(t)
    const environment = { DATABASE_URL, PORT: '0', NO_COLOR: '1', TZ }
    const child = startOnTerminal(site, 'src/server.ts', [], environment)
    const { said, until } = listenTo(child)
    const url = await until(/listening at (http:\S+)/)
    await until(new RegExp(`INFO: The API documentation is at ${url}/docs`))
    t.assert.ok(said().includes(`INFO: Gatehouse ${VERSION} is ready`))

    const headers = { 'x-request-id': '0123456789abcdef' }
    const hours = [hourIn(TZ)]
    t.assert.strictEqual((await fetch(`${url}/me`, { headers })).status, 401)
    const hour = await until(/^\[(\d\d):\d\d:\d\d\.\d{3}\] INFO: 01234567 /m)
    hours.push(hourIn(TZ))
    t.assert.ok(hours.includes(hour), `${hour} is not the hour in ${TZ}`)
    t.assert.doesNotMatch(said(), /89abcdef|"level"|"pid"/)

    child.stdin.write(CTRL_C)
    t.assert.strictEqual(await exitCode(child), 0)
    t.assert.match(said(), /INFO: Shutting down/)
  },
)

test('the server exits when its terminal is closed', needsTerminals, async (t: TestContext) => {
  const site = await install(t)
  const child = startOnTerminal(site, 'src/server.ts', [], { DATABASE_URL, PORT: '0' })
  const { until } = listenTo(child)
  await until(/is ready/)
  const [pid] = childrenOf(child.pid ?? 0)
  t.assert.ok(pid !== undefined)
  child.kill('SIGKILL') // `script` holds the terminal
  await ended(pid)
})

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

function hourIn(timeZone: string): string {
  return new Date().toLocaleString('en-GB', { timeZone, hour: '2-digit' })
}
