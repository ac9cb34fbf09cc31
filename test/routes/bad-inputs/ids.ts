import { type BadInput, invalid, PASSWORD } from './bad-input.ts'

/** Invalid ids, as in the path. */
const IDS: [name: string, id: string][] = [
  ['0', '0'],
  ['-0', '-0'],
  ['01', '01'],
  ['+1', '+1'],
  ['-1', '-1'],
  ['1.0', '1.0'],
  ['1e3', '1e3'],
  ['0x10', '0x10'],
  ['1n', '1n'],
  ['1_000', '1_000'],
  ['1,2', '1,2'],
  ['2^53', '9007199254740992'],
  ['2^53+1', '9007199254740993'],
  ['9999999999999999', '9999999999999999'],
  ['2^64+1', '18446744073709551617'],
  ['10^30', `1${'0'.repeat(30)}`],
  ['10,000 digits', '1'.repeat(10_000)],
  ['a NUL', '%00'],
  ['a NUL after a digit', '1%00'],
  ['a space', '%20'],
  ['a space before a digit', '%201'],
  ['a line break after a digit', '1%0A'],
  ['a full-width digit', '%EF%BC%91'],
  ['an Arabic digit', '%D9%A1'],
  ['a slash in it', '1%2F2'],
  ['a percent sign', '%25'],
  ['SQL', '1%20OR%201=1'],
  ['the word me', 'me'],
  ['the word null', 'null'],
  ['the word NaN', 'NaN'],
  ['the word Infinity', 'Infinity'],
  ['a parameter of the path', '1;a=b'],
]

/** Paths that cannot be decoded, which are refused before the session is checked. */
const UNDECODABLE: [name: string, id: string][] = [
  ['a bare percent sign', '%'],
  ['a percent sign and no hex', '%zz'],
  ['half an escape', '%4'],
  ['an escape that is not UTF-8', '%ff'],
  ['half a character in UTF-8', '%c3%28'],
  ['half a surrogate', '%ed%a0%80'],
]

const operations = [
  'getUser',
  'deleteUser',
  'updateAnyPassword',
  'updateUser',
  'listUserSessions',
  'endUserSessions',
  'endSession',
  'endToken',
] as const

const BODIES = { updateAnyPassword: { password: PASSWORD }, updateUser: { disabled: true } }

export const badIds: BadInput[] = operations.flatMap((operation) => {
  const body = Object.entries(BODIES).find(([name]) => name === operation)?.[1]
  return [
    ...IDS.map(([name, id]) => ({
      body,
      operation,
      name: `an id of ${name}`,
      id,
      expected: invalid('params.id'),
    })),
    ...UNDECODABLE.map(([name, id]) => ({
      body,
      operation,
      name: `an id of ${name}`,
      id,
      expected: [400, 'BAD_REQUEST'] as const,
    })),
  ]
})
