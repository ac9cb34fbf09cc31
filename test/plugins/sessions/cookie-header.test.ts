import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import cookie from '@fastify/cookie'
import fc from 'fast-check'
import Fastify from 'fastify'
import { createSessionCookie } from '../../../plugins/sessions/session-cookie.ts'

const ours = createSessionCookie({
  secrets: ['the secret of the tests that is long enough'],
  secure: true,
})
const SIGNED = encodeURIComponent(ours.signer.sign('the secret id'))

/** Pieces of which headers are made that parsers read differently. */
const piece = fc.constantFrom(
  ...['__Host-session', '__host-session', 'x__Host-session', '__Host-sessio', 'a', '=', '==', ';'],
  ...[
    '; ',
    ';;',
    ' ',
    '\t',
    '\u00a0',
    '\v',
    '"',
    ',',
    '%',
    '%3D',
    '%zz',
    SIGNED,
    SIGNED.toUpperCase(),
  ],
  ...[`__Host-session=${SIGNED}`, `;__Host-session = ${SIGNED} ;`, `__Host-session="${SIGNED}"`],
)
const header = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))

test('the session is found in a Cookie header where the parser of @fastify/cookie finds it', async (t: TestContext) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(cookie)
  let found = 0
  fc.assert(
    fc.property(header, (text) => {
      const value = app.parseCookie(text)[ours.name]
      const isValid = value !== undefined && ours.signer.unsign(value).valid
      if (isValid) found++
      return (ours.read({ cookie: text }) !== undefined) === isValid
    }),
    { numRuns: 20_000 },
  )
  t.assert.ok(found > 500, `only ${found} headers had the session`)
})

test('verified cookies, in long headers and in many spellings, are remembered without the headers', (t: TestContext) => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const cookies = Array.from({ length: 1_000 }, (_, index) => {
    const signed = encodeURIComponent(ours.signer.sign(`the secret id ${index}`))
    return [signed, `%${signed.charCodeAt(0).toString(16)}${signed.slice(1)}`]
  }).flat()
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (const value of cookies) {
    const header = `${ours.name}=${value}; padding=${'x'.repeat(14_000)}`
    t.assert.ok(ours.read({ cookie: Buffer.from(header).toString() }))
  }
  collectGarbage()
  const keptBytes = process.memoryUsage().heapUsed - before
  t.assert.ok(keptBytes < 4_000_000, `${keptBytes} bytes`)
})
