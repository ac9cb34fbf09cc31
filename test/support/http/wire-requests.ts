import fc from 'fast-check'
import { jsonBodies, pathSegments } from '../arbitraries.ts'

const latin1 = (from: number) =>
  fc
    .array(fc.integer({ min: from, max: 0xff }), { maxLength: 60 })
    .map((codes) => String.fromCharCode(...codes))

const methods = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE') },
  fc.constantFrom('PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'M-SEARCH', 'get', 'FOO'),
  // Node does not treat CONNECT as a request: it closes the connection.
  fc.stringMatching(/^[A-Z!#$%&'*+.^_`|~-]{1,12}$/).filter((name) => name !== 'CONNECT'),
)

const targets = fc.oneof(
  fc.constantFrom('/login', '/user', '/me', '/livez', '/logout', '*', '/user/1?a=%zz', '//'),
  pathSegments.map((segment) => `/user/${segment}`),
  pathSegments.map((segment) => `/user/update-password/${segment}`),
  pathSegments.map((segment) => `http://localhost/${segment}`),
  latin1(0x21).map((text) => `/${text}`),
)

const headerNames = fc.constantFrom(
  'Accept',
  'Content-Type',
  'Cookie',
  'Expect',
  'If-None-Match',
  'Origin',
  'User-Agent',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Request-Id',
)

const headerValues = fc.oneof(
  latin1(0x20),
  fc.constantFrom('application/json', 'application/problem+json', 'session=%zz.x', '100-continue'),
)

/** Requests with valid framing, so that each is complete, and with any content. */
export const wireRequests = fc.record({
  method: methods,
  target: targets,
  headers: fc.array(fc.tuple(headerNames, headerValues), { maxLength: 4 }),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    jsonBodies.map((text) => Buffer.from(text)),
  ),
  role: fc.constantFrom(undefined, 'user', 'admin'),
})

type WireRequest = typeof wireRequests extends fc.Arbitrary<infer Request> ? Request : never

export function toBytes(
  { method, target, headers, body }: WireRequest,
  cookie: string | undefined,
): Buffer {
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    `Content-Length: ${body.length}`,
    ...(cookie ? [`Cookie: ${cookie}`] : []),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}
