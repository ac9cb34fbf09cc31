import {
  type BadInput,
  type Expected,
  INVALID_JSON,
  invalid,
  type Operation,
  PASSWORD,
  UNSUPPORTED,
} from './bad-input.ts'

const NOT_LOGGED_IN: Expected = [400, 'INVALID_CREDENTIALS']
const MISSING: Expected = [403, 'PASSWORD_MISSING', ['body.password']]

function refused(says: RegExp): Expected {
  return [400, 'PASSWORD_REFUSED', ['body.password'], says]
}

/** Refused passwords, with the reason in the message. */
const PASSWORDS: [name: string, password: string, says: RegExp][] = [
  ['of 7 characters', 'kQ7#vZp', /shorter than 8/],
  ['of 7 characters in 28 bytes', '🦊🐻🐼🐨🐯🦁🐮', /shorter than 8/],
  ['of 73 bytes', 'k'.repeat(73), /longer than 72 bytes/],
  ['of 37 characters in 74 bytes', 'é'.repeat(37), /longer than 72 bytes/],
  ['of 19 characters in 76 bytes', '🦊'.repeat(19), /longer than 72 bytes/],
  ['of 10,000 characters', 'k'.repeat(10_000), /longer than 72 bytes/],
  ['with a NUL', 'correct\0horse', /NUL/],
  ['of NULs', '\0'.repeat(8), /NUL/],
  ['with a high surrogate alone', 'correct\ud83dhorse', /surrogate/],
  ['with a low surrogate alone', 'correct horse\udd8a', /surrogate/],
  ['that is common', 'password1', /most common/],
  ['that is common, in another case', 'PassWord1', /most common/],
  ['that is common and of digits', '12345678', /most common/],
]

/** Names that no account has. */
const INVALID_USERNAMES: [name: string, username: string][] = [
  ['of 81 characters', 'x'.repeat(81)],
  ['with a line break at the end', 'somebody\n'],
  ['with a line break before it', '\nsomebody'],
  ['with a tab', 'some\tbody'],
  ['with a NUL', 'some\0body'],
  ['with DEL', 'some\x7fbody'],
  ['with a C1 control character', 'some\x85body'],
  ['with half a surrogate', 'some\ud800'],
]

/** Names that an imported account can have and a new one cannot. */
const IMPORTED_USERNAMES: [name: string, username: string][] = [
  ['with a leading dot', '.somebody'],
  ['with a leading hyphen', '-somebody'],
  ['with a leading space', ' somebody'],
  ['with a space at the end', 'somebody '],
  ['with a space', 'some body'],
  ['with an umlaut', 'jürgen'],
  ['with a combining mark', 'ju\u0308rgen'],
  ['with a slash', 'some/body'],
  ['with a quote of SQL', "somebody' OR '1'='1"],
  ['with a comment of SQL', 'somebody"; DROP TABLE users; --'],
  ['with a backslash', 'some\\body'],
  ['with HTML', '<b>somebody</b>'],
  ['in full-width letters', 'ａｄｍｉｎ'],
  ['with the Kelvin sign, lower case k', '\u212aelvin'],
  ['with a zero-width space', 'some\u200bbody'],
  ['of 80 emojis', '🦊'.repeat(80)],
]

const CHANGES: [name: string, body: unknown, expected: Expected][] = [
  ['no body', undefined, MISSING],
  ['an empty object', {}, MISSING],
  ['an empty password', { password: '' }, MISSING],
  ['the current password alone', { currentPassword: 'x' }, MISSING],
  ['a password of null', { password: null }, invalid('body.password')],
  ['a password that is a number', { password: 12345678 }, invalid('body.password')],
  ['a password that is 0', { password: 0 }, invalid('body.password')],
  ['a password in an array', { password: [PASSWORD] }, invalid('body.password')],
  ['an empty array for a password', { password: [] }, invalid('body.password')],
  ['a password that is an object', { password: {} }, invalid('body.password')],
  ['a body of null', 'null', invalid('body')],
  ['a body of a string', '"password"', invalid('body')],
  ['a body of an array', [{ password: PASSWORD }], invalid('body')],
  ['an unknown property', { password: PASSWORD, role: 'admin' }, invalid('body.role')],
  ['a username', { password: PASSWORD, username: 'x' }, invalid('body.username')],
  [
    'a current password of null',
    { password: PASSWORD, currentPassword: null },
    invalid('body.currentPassword'),
  ],
  [
    'a current password that is a number',
    { password: PASSWORD, currentPassword: 1 },
    invalid('body.currentPassword'),
  ],
  ['__proto__', '{"__proto__":{"password":"correct horse"}}', INVALID_JSON],
  ['JSON cut off', '{"password":', INVALID_JSON],
  ['bytes that are not UTF-8', Buffer.from('{"password":"\xff"}', 'latin1'), INVALID_JSON],
  ['more than 16 KiB', { password: 'x'.repeat(16 * 1024) }, [413, 'BODY_TOO_LARGE']],
]

function withUsername(
  operation: Operation,
  name: string,
  username: string,
  expected: Expected,
): BadInput {
  return { operation, name: `a username ${name}`, body: { username, password: PASSWORD }, expected }
}

const choosing = ['createUser', 'updatePassword'] as const

export const badFields: BadInput[] = [
  ...INVALID_USERNAMES.flatMap(([name, username]) =>
    (['login', 'createUser'] as const).map((operation) =>
      withUsername(operation, name, username, invalid('body.username')),
    ),
  ),
  withUsername('login', 'of 81 emojis', '🦊'.repeat(81), invalid('body.username')),
  ...IMPORTED_USERNAMES.flatMap(([name, username]) => [
    withUsername('login', name, username, NOT_LOGGED_IN),
    withUsername('createUser', name, username, invalid('body.username')),
  ]),
  ...PASSWORDS.flatMap(([name, password, says], index) => [
    ...choosing.map((operation) => ({
      operation,
      name: `a password ${name}`,
      body: bodyWith(operation, password),
      expected: refused(says),
    })),
    {
      operation: 'login' as const,
      name: `a password ${name}`,
      body: { username: `nobody-${index}`, password }, // a single name would be throttled
      expected: NOT_LOGGED_IN,
    },
  ]),
  {
    operation: 'createUser',
    name: 'a password that is the username in another case',
    body: { username: 'Some.Body', password: 'sOME.bODY' },
    expected: refused(/is the username/),
  },
  ...CHANGES.map(([name, body, expected]) => ({
    operation: 'updatePassword' as const,
    name,
    body,
    expected,
  })),
  {
    operation: 'updatePassword',
    name: 'the content of a form',
    body: `password=${PASSWORD}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    expected: UNSUPPORTED,
  },
]

function bodyWith(operation: Operation, password: string) {
  return operation === 'updatePassword' ? { password } : { username: 'somebody', password }
}
