import type { TestContext } from 'node:test'

/** What OWASP ASVS 5.0, 3.4 asks of an API, and that nothing is cached. */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Asserts that an answer has the security headers, each once, and the id of its request. */
export function assertSecured(t: TestContext, headers: Record<string, unknown>): void {
  const found = Object.fromEntries(
    Object.keys(SECURITY_HEADERS).map((name) => [name, headers[name]]),
  )
  t.assert.deepStrictEqual(found, SECURITY_HEADERS)
  t.assert.match(String(headers['x-request-id']), /^[A-Za-z0-9._:-]{1,64}$/)
}
