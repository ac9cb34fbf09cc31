import { type BadInput, type Expected, INVALID_JSON, invalid, UNSUPPORTED } from './bad-input.ts'

const TOKENS: [name: string, body: unknown, expected: Expected][] = [
  ['no body', undefined, invalid('body')],
  ['an empty object', {}, invalid('body.name')],
  ['a body of null', 'null', invalid('body')],
  ['JSON cut off', '{"name":', INVALID_JSON],
  ['a name of null', { name: null }, invalid('body.name')],
  ['a name that is a number', { name: 1 }, invalid('body.name')],
  ['an empty name', { name: '' }, invalid('body.name', 'body.name')],
  ['a name of 101 characters', { name: 'x'.repeat(101) }, invalid('body.name')],
  ['a name of 101 emojis', { name: '🦊'.repeat(101) }, invalid('body.name')],
  ['a name with a line break', { name: 'a\nb' }, invalid('body.name')],
  ['a name with a NUL', { name: 'a\0b' }, invalid('body.name')],
  ['a name with a direction override', { name: 'a\u202eb' }, invalid('body.name')],
  ['a name with half a surrogate', { name: 'a\ud800' }, invalid('body.name')],
  ['a timestamp that is a number', { name: 'x', expiresAt: 1 }, invalid('body.expiresAt')],
  ['a timestamp of null', { name: 'x', expiresAt: null }, invalid('body.expiresAt')],
  ['an invalid timestamp', { name: 'x', expiresAt: 'soon' }, invalid('body.expiresAt')],
  ['a day', { name: 'x', expiresAt: '2099-01-01' }, invalid('body.expiresAt')],
  [
    'a timestamp without a zone',
    { name: 'x', expiresAt: '2099-01-01T00:00:00' },
    invalid('body.expiresAt'),
  ],
  [
    'the 30th of February',
    { name: 'x', expiresAt: '2028-02-30T00:00:00Z' },
    invalid('body.expiresAt'),
  ],
  [
    'a timestamp that has passed',
    { name: 'x', expiresAt: '2001-01-01T00:00:00Z' },
    invalid('body.expiresAt'),
  ],
  [
    'a timestamp in 8,000 years',
    { name: 'x', expiresAt: '9999-01-01T00:00:00Z' },
    invalid('body.expiresAt'),
  ],
  ['an owner', { name: 'x', userId: 1 }, invalid('body.userId')],
  ['a role', { name: 'x', role: 'admin' }, invalid('body.role')],
]

const UPDATES: [name: string, body: unknown, expected: Expected][] = [
  ['no body', undefined, invalid('body')],
  ['an empty object', {}, invalid('body')],
  ['a body of an array', [], invalid('body')],
  ['JSON cut off', '{"role"', INVALID_JSON],
  ['an unknown role', { role: 'root' }, invalid('body.role')],
  ['a role in another case', { role: 'Admin' }, invalid('body.role')],
  ['a role of null', { role: null }, invalid('body.role', 'body.role')],
  ['a role in an array', { role: ['admin'] }, invalid('body.role', 'body.role')],
  ['a state that is text', { disabled: 'true' }, invalid('body.disabled')],
  ['a state that is a number', { disabled: 1 }, invalid('body.disabled')],
  ['a state of null', { disabled: null }, invalid('body.disabled')],
  ['a username', { username: 'x' }, invalid('body.username')],
  ['a password', { role: 'user', password: 'x' }, invalid('body.password')],
  ['an id', { disabled: true, id: 1 }, invalid('body.id')],
]

export const badAccess: BadInput[] = [
  ...TOKENS.map(([name, body, expected]) => ({
    operation: 'createToken' as const,
    name,
    body,
    expected,
  })),
  ...UPDATES.map(([name, body, expected]) => ({
    operation: 'updateUser' as const,
    name,
    body,
    expected,
  })),
  ...(['createToken', 'updateUser'] as const).map((operation) => ({
    operation,
    name: 'the content of a form',
    body: 'name=x',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    expected: UNSUPPORTED,
  })),
]
