import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser } from '../../support/http/accounts.ts'
import { build } from '../../support/http/build.ts'
import { exchange, listen } from '../../support/http/raw-http.ts'

const DATABASE_URL = await createDatabase()

test('the headers of a request count, however many are before them, up to the limit of their size', async (t: TestContext) => {
  const { app, log } = await build(t, {
    DATABASE_URL,
    ...{ TRUST_PROXY: '127.0.0.1', RATE_LIMIT_ENABLED: true, RATE_LIMIT_MAX: 3 },
  })
  const { headers } = await giveToken(app, await makeUser(app))
  const port = await listen(app)
  const get = (count: number, address: string) => {
    const lines = [
      ...['GET /me HTTP/1.1', 'Host: localhost', 'Connection: close'],
      ...Array.from({ length: count }, () => 'a:'),
      ...[`Authorization: ${headers.authorization}`, `X-Forwarded-For: ${address}`],
    ]
    return exchange(port, Buffer.from(`${lines.join('\r\n')}\r\n\r\n`))
  }
  for (const [index, count] of [0, 996, 1_000, 2_000, 5_000].entries()) {
    const address = `192.0.2.${index + 1}`
    const { statusCode, body } = await get(count, address)
    t.assert.strictEqual(statusCode, 200, `${count}: ${body}`)
    t.assert.strictEqual(log.lines.at(-1)?.address, address, String(count))
  }
  t.assert.strictEqual((await get(20_000, '192.0.2.9')).statusCode, 431)
})
