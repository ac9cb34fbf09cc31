import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { RELEASED } from '../../contract/files.ts'
import { createDocumentCheck } from './document-check.ts'

const faultsOf = createDocumentCheck(JSON.parse(readFileSync(RELEASED, 'utf8')), {
  isReleased: true,
})
const USER = { id: 7, username: 'ada', role: 'user', createdAt: '2026-11-23T08:30:00.000Z' }
const ERROR = { statusCode: 409, code: 'OWN_ACCOUNT', error: 'Conflict', message: 'No.' }

test('a client of the last release reads a response with additions', (t: TestContext) => {
  t.assert.deepStrictEqual(faultsOf(me(200, { ...USER, locale: 'en' })), [])
  t.assert.deepStrictEqual(faultsOf(me(200, USER, { link: '<?x>; rel="next"' })), [])
  t.assert.deepStrictEqual(faultsOf(me(409, ERROR)), [])
  t.assert.deepStrictEqual(faultsOf({ ...me(200, {}), url: '/new' }), [])
})

test('a client of the last release fails on a response that its document does not allow', (t: TestContext) => {
  const { createdAt: _, ...without } = USER
  const failing: [number, object, RegExp][] = [
    [200, without, /must have required property 'createdAt'/],
    [200, { ...USER, role: 'owner' }, /body\/role must be equal to one of/],
    [200, { ...USER, createdAt: null }, /body\/createdAt must be string/],
    [401, { ...ERROR, statusCode: 401, code: 'TIRED' }, /body\/code must be equal to one of/],
    [418, { code: 'OWN_ACCOUNT' }, /must have required property 'message'/],
  ]
  for (const [status, body, expected] of failing) {
    t.assert.match(faultsOf(me(status, body)).join(), expected)
  }
  t.assert.match(faultsOf({ ...me(200, USER), headers: {} }).join(), /X-Request-Id is missing/)
})

/** A response of `GET /me`. */
function me(status: number, body: object, headers: Record<string, string> = {}) {
  return {
    method: 'GET',
    url: '/me',
    status,
    headers: { 'content-type': 'application/json', 'x-request-id': '1', ...headers },
    body: JSON.stringify(body),
  }
}
