import { type TestContext, test } from 'node:test'
import { checkCookie, isSameSite } from '../../../../src/doctor/checks/cookie.ts'

const SETTINGS = { COOKIE_SECURE: true, COOKIE_SAME_SITE: 'lax' } as const

function check(settings: Partial<Parameters<typeof checkCookie>[0]>, url: string): string[] {
  const checks = checkCookie({ ...SETTINGS, ...settings }, new URL(url))
  return checks.map(({ status, subject }) => `${status} ${subject}`)
}

test('COOKIE_SECURE is compared with the scheme, and with loopback hosts in mind', (t: TestContext) => {
  const statusOf = (isSecure: boolean, url: string) => check({ COOKIE_SECURE: isSecure }, url)[0]
  t.assert.strictEqual(statusOf(true, 'https://accounts.example'), 'ok cookie')
  t.assert.strictEqual(statusOf(false, 'https://accounts.example'), 'warn cookie')
  t.assert.strictEqual(statusOf(true, 'http://accounts.example'), 'fail cookie')
  t.assert.strictEqual(statusOf(false, 'http://accounts.example'), 'ok cookie')
  for (const host of ['localhost:3000', 'app.localhost', '127.0.0.1', '[::1]:3000']) {
    t.assert.strictEqual(statusOf(true, `http://${host}`), 'warn cookie', host)
  }
  for (const host of ['localhost.example', '[::2]', '128.0.0.1']) {
    t.assert.strictEqual(statusOf(true, `http://${host}`), 'fail cookie', host)
  }
})

test('an allowed origin of another site gets no cookie with SameSite=Lax', (t: TestContext) => {
  const originsOf = (ALLOWED_ORIGINS: string, COOKIE_SAME_SITE: 'lax' | 'none' = 'lax') =>
    check({ ALLOWED_ORIGINS, COOKIE_SAME_SITE }, 'https://accounts.example.co.uk').slice(1)
  const [good, bad] = [['ok allowed origins'], ['warn allowed origins']]
  t.assert.deepStrictEqual(originsOf('https://app.example.co.uk, https://example.co.uk:8443'), good)
  t.assert.deepStrictEqual(originsOf('https://other.co.uk'), bad)
  t.assert.deepStrictEqual(originsOf('https://other.co.uk', 'none'), good)
  t.assert.deepStrictEqual(originsOf('https://app.example.co.uk', 'none'), bad)
  // Of another scheme, which is another site, and without TLS.
  t.assert.deepStrictEqual(originsOf('http://app.example.co.uk'), [...bad, ...bad])
  t.assert.deepStrictEqual(originsOf('http://localhost:5173', 'none'), good)
})

test('a site is a scheme and a registrable domain, by the public suffix list', (t: TestContext) => {
  const isSame = (one: string, other: string) => isSameSite(new URL(one), new URL(other))
  t.assert.ok(isSame('https://a.b.example.com', 'https://example.com:444'))
  t.assert.ok(isSame('http://localhost:1', 'http://localhost:2'))
  t.assert.ok(isSame('http://127.0.0.1:1', 'http://127.0.0.1:2'))
  t.assert.ok(!isSame('https://ada.github.io', 'https://grace.github.io'))
  t.assert.ok(!isSame('http://127.0.0.1', 'http://127.0.0.2'))
  t.assert.ok(!isSame('http://example.com', 'https://example.com'))
})
