import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { freePort } from '../../support/process/free-port.ts'
import { install, listenTo, nodeArguments } from '../../support/process/installation.ts'
import { until } from '../../support/until.ts'

const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
}

for (const [WORKERS, LOG_FORMAT] of [
  ['1', 'json'],
  ['1', 'pretty'],
  ['2', 'json'],
] as const) {
  test(`a server with ${WORKERS} of WORKERS and LOG_FORMAT=${LOG_FORMAT}, after the reader of its log has exited, answers what it has received, says why it stops and exits with 1`, async (t: TestContext) => {
    const site = await install(t)
    const program = [process.execPath, ...nodeArguments('src/server.ts', [])].join(' ')
    const settings = { WORKERS, LOG_FORMAT, PORT: String(await freePort()) }
    // `sed` exits at the line that says that the server is ready. The next line has no reader.
    const command = `{ ${program}; echo "exit code $?" >&2; } | sed '/is ready/q'`
    const child = site.startProgram('sh', ['-c', command], { ...PRODUCTION, ...settings })
    const { said, until: untilSaid } = listenTo(child)
    await untilSaid(/is ready/)
    const url = `http://127.0.0.1:${settings.PORT}`
    const slow = connect(Number(settings.PORT), '127.0.0.1')
    t.after(() => slow.destroy())
    const body = JSON.stringify({ username: 'ada', password: 'brass wheels and cards' })
    const head = `POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`
    slow.write(`${head}\r\n\r\n${body.slice(0, 9)}`)
    await until(
      async () => {
        await fetch(`${url}/me`)
          .then((response) => response.text())
          .catch(() => undefined)
        return /The log is lost/.test(said())
      },
      () => said(),
    )
    slow.write(body.slice(9))
    t.assert.match(await text(slow), /^HTTP\/1\.1 400 /)
    await until(
      () => /exit code/.test(said()),
      () => said(),
    )
    const reason =
      'The log is lost, so the server stops: the program that reads standard output has exited.'
    t.assert.ok(said().endsWith(`${reason}\nexit code 1\n`), said())
  })
}
