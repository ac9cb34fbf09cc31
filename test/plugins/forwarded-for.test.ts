import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { type BuildOptions, build } from '../support/http/build.ts'

const DATABASE_URL = await createDatabase()
const FORWARDED = { 'x-forwarded-for': '192.0.2.7' }

/** Sends requests over sockets. @returns the lines about their header */
async function warningsOf(
  t: TestContext,
  options: Omit<BuildOptions, 'DATABASE_URL'>,
  requests: Record<string, string>[],
) {
  const { app, log } = await build(t, { DATABASE_URL, ...options })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const headers of requests) {
    const { status } = await fetch(`${url}/livez`, { headers })
    t.assert.strictEqual(status, 200)
  }
  const lines = log.lines.filter(({ msg }) => msg?.includes('X-Forwarded-For'))
  return lines.map(({ level, msg, peer }) => ({ level, msg, peer }))
}

test('an X-Forwarded-For without TRUST_PROXY is logged once, with the address to set', async (t: TestContext) => {
  const warnings = await warningsOf(t, {}, [{}, FORWARDED, FORWARDED, FORWARDED])
  t.assert.deepStrictEqual(warnings, [
    {
      level: 40,
      msg: 'A request has X-Forwarded-For, and TRUST_PROXY is not set: all clients of a proxy share its address. If 127.0.0.1 is your proxy, set TRUST_PROXY=127.0.0.1',
      peer: '127.0.0.1',
    },
  ])
})

test('an X-Forwarded-For of a peer outside TRUST_PROXY is logged once, with the address to add', async (t: TestContext) => {
  const TRUST_PROXY = '10.0.0.0/8, ::1'
  const warnings = await warningsOf(t, { TRUST_PROXY }, [FORWARDED, FORWARDED])
  t.assert.deepStrictEqual(warnings, [
    {
      level: 40,
      msg: 'A request has X-Forwarded-For, and 127.0.0.1 is not in TRUST_PROXY: all clients of a proxy share its address. If 127.0.0.1 is your proxy, add it to TRUST_PROXY',
      peer: '127.0.0.1',
    },
  ])
})

test('an X-Forwarded-For of a trusted proxy, and a request without it, is not logged', async (t: TestContext) => {
  const TRUST_PROXY = '127.0.0.0/8'
  t.assert.deepStrictEqual(await warningsOf(t, { TRUST_PROXY }, [FORWARDED, FORWARDED]), [])
  t.assert.deepStrictEqual(await warningsOf(t, {}, [{}, {}]), [])
})
