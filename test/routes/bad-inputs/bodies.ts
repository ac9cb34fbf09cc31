import { type BadInput, type Expected, INVALID_JSON, invalid, PASSWORD } from './bad-input.ts'

const LIMIT = 16 * 1024
const GOOD = { username: 'somebody', password: PASSWORD }

/** Bodies that login and registration refuse. */
const CREDENTIALS: [name: string, body: unknown, expected: Expected][] = [
  ['no body', undefined, invalid('body')],
  ['a body of null', 'null', invalid('body')],
  ['a body of true', 'true', invalid('body')],
  ['a body of a number', '1', invalid('body')],
  ['a body of a string', '"text"', invalid('body')],
  ['a body of an array', [GOOD], invalid('body')],
  ['an empty object', {}, invalid('body.password', 'body.username')],
  ['no username', { password: PASSWORD }, invalid('body.username')],
  ['no password', { username: 'somebody' }, invalid('body.password')],
  ['a username of null', { ...GOOD, username: null }, invalid('body.username')],
  ['a username that is a number', { ...GOOD, username: 1 }, invalid('body.username')],
  ['a username that is true', { ...GOOD, username: true }, invalid('body.username')],
  ['a username in an array', { ...GOOD, username: ['somebody'] }, invalid('body.username')],
  ['a username that is an object', { ...GOOD, username: { $ne: '' } }, invalid('body.username')],
  ['an empty username', { ...GOOD, username: '' }, invalid('body.username', 'body.username')],
  ['a password of null', { ...GOOD, password: null }, invalid('body.password')],
  ['a password that is a number', { ...GOOD, password: 12345678 }, invalid('body.password')],
  ['a password that is false', { ...GOOD, password: false }, invalid('body.password')],
  ['a password in an array', { ...GOOD, password: [PASSWORD] }, invalid('body.password')],
  ['a password that is an object', { ...GOOD, password: { $gt: '' } }, invalid('body.password')],
  ['both of a wrong type', { username: 1, password: 2 }, invalid('body.password', 'body.username')],
  ['an unknown property', { ...GOOD, role: 'admin' }, invalid('body.role')],
  ['two unknown properties', { ...GOOD, id: 1, x: null }, invalid('body.id', 'body.x')],
  ['a property in another case', { ...GOOD, Username: 'x' }, invalid('body.Username')],
  ['an unknown property without a name', { ...GOOD, '': 1 }, invalid('body.')],
  ['an unknown property named toString', { ...GOOD, toString: 1 }, invalid('body.toString')],
  [
    'an unknown property with a long name',
    { ...GOOD, ['x'.repeat(500)]: 1 },
    invalid(`body.${'x'.repeat(100)}`),
  ],
  ['__proto__', `{"__proto__":{"role":"admin"},${JSON.stringify(GOOD).slice(1)}`, INVALID_JSON],
  ['__proto__ in escapes', `{"\\u005f_proto__":{},${JSON.stringify(GOOD).slice(1)}`, INVALID_JSON],
  ['constructor.prototype', { ...GOOD, constructor: { prototype: {} } }, INVALID_JSON],
  ['JSON cut off', '{"username":"somebody"', INVALID_JSON],
  ['JSON with a comma too many', '{"username":"somebody",}', INVALID_JSON],
  ['JSON with single quotes', "{'username':'somebody'}", INVALID_JSON],
  ['JSON with a comment', '{}//', INVALID_JSON],
  ['JSON with a raw line break in a string', '{"username":"a\nb"}', INVALID_JSON],
  ['two JSON values', '{}{}', INVALID_JSON],
  ['NaN', '{"username":NaN}', INVALID_JSON],
  ['a form', 'username=somebody&password=correct', INVALID_JSON],
  ['white space alone', ' \n', INVALID_JSON],
  ['NUL bytes', Buffer.alloc(8), INVALID_JSON],
  ['bytes that are not UTF-8', Buffer.from('{"username":"a\xff"}', 'latin1'), INVALID_JSON],
  ['an overlong form', Buffer.from('{"username":"\xc0\x80"}', 'latin1'), INVALID_JSON],
  ['half a surrogate in UTF-8', Buffer.from('"\xed\xa0\x80"', 'latin1'), INVALID_JSON],
  ['UTF-16', Buffer.from(JSON.stringify(GOOD), 'utf16le'), INVALID_JSON],
  ['three byte order marks', `${'\ufeff'.repeat(3)}${JSON.stringify(GOOD)}`, INVALID_JSON],
  [
    'a byte order mark before a fault',
    '\ufeff{"username":1}',
    invalid('body.password', 'body.username'),
  ],
  ['an array 8,000 deep', '['.repeat(8_000) + ']'.repeat(8_000), invalid('body')],
  ['one byte more than 16 KiB', padded(LIMIT + 1), [413, 'BODY_TOO_LARGE']],
  ['much more than 16 KiB', padded(20 * LIMIT), [413, 'BODY_TOO_LARGE']],
  ['a name of 16 KiB', padded(LIMIT), invalid('body.username')],
]

const CONTENT: [name: string, headers: Record<string, string>][] = [
  ['text', { 'content-type': 'text/plain' }],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a multipart form', { 'content-type': 'multipart/form-data; boundary=x' }],
  ['XML', { 'content-type': 'application/xml' }],
  ['a JSON patch', { 'content-type': 'application/merge-patch+json' }],
  ['a longer type', { 'content-type': 'application/jsonp' }],
  ['text/json', { 'content-type': 'text/json' }],
  ['half a type', { 'content-type': 'application' }],
  ['no type', {}],
  ['gzip', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ['identity', { 'content-type': 'application/json', 'content-encoding': 'identity' }],
]

const operations = ['login', 'createUser'] as const

export const badBodies: BadInput[] = operations.flatMap((operation) => [
  ...CREDENTIALS.map(([name, body, expected]) => ({ operation, name, body, expected })),
  ...CONTENT.map(([name, headers]) => ({
    operation,
    name: `the content of ${name}`,
    body: JSON.stringify(GOOD),
    headers,
    expected: [415, 'UNSUPPORTED_MEDIA_TYPE'] as const,
  })),
])

/** A body of this size, with a valid password and a long username. */
function padded(bytes: number): string {
  const frame = JSON.stringify({ username: '', password: PASSWORD }).length
  return JSON.stringify({ username: 'x'.repeat(bytes - frame), password: PASSWORD })
}
