import { type TestContext, test } from 'node:test'
import { type Decision, decide, type Existing } from '../../../../db/queries/imports/decide.ts'

const source = { id: 7, username: 'Ann', key: 'ann', role: 'user', passwordHash: 'h1' } as const
const account = {
  id: 7,
  usernameKey: 'ann',
  kind: 'person',
  role: 'user',
  passwordChangedAt: null,
} as const
const imported = {
  userId: 7,
  usernameKey: 'ann',
  keepsId: true,
  passwordHash: 'h1',
  role: 'user',
  importedAt: '2026-11-02T00:00:00.000Z',
} as const
const service = { ...account, kind: 'service' } as const
const EARLIER = '2026-11-01T00:00:00.000Z'
const LATER = '2026-11-03T00:00:00.000Z'
const nothing: Existing = { account: undefined, namesake: undefined, imported: undefined }
const there: Existing = { account, namesake: account, imported }

const CASES: [name: string, existing: Existing, expected: Decision, changed?: object][] = [
  ['an account that is nowhere', nothing, { kind: 'create' }],
  ['an account that is there by other means', { ...there, imported: undefined }, { kind: 'adopt' }],
  [
    'an id that another name has',
    { ...nothing, account: { ...account, usernameKey: 'bob' } },
    { kind: 'refuse', reason: 'id-taken' },
  ],
  [
    'a name that another id has',
    { ...nothing, namesake: { ...account, id: 8 } },
    { kind: 'refuse', reason: 'username-taken' },
  ],
  [
    'a service account of the same id and name',
    { ...there, account: service, namesake: service, imported: undefined },
    { kind: 'refuse', reason: 'username-taken' },
  ],
  [
    'a service account in the place of an imported account',
    { ...there, account: service, namesake: service },
    { kind: 'refuse', reason: 'username-taken' },
    { passwordHash: 'h2' },
  ],
  ['an account without changes', there, { kind: 'present' }],
  [
    'an account whose password changed here alone',
    { ...there, account: { ...account, passwordChangedAt: LATER } },
    { kind: 'present' },
  ],
  ['an account that was deleted here', { ...nothing, imported }, { kind: 'deleted-here' }],
  [
    'an account that the source renamed',
    there,
    { kind: 'refuse', reason: 'username-changed' },
    { username: 'Bob', key: 'bob' },
  ],
  [
    'a password that changed in the source',
    there,
    { kind: 'merge', account, password: 'taken', role: 'none' },
    { passwordHash: 'h2' },
  ],
  [
    'a password that changed here before the latest import, and then in the source',
    { ...there, account: { ...account, passwordChangedAt: EARLIER } },
    {
      kind: 'merge',
      account: { ...account, passwordChangedAt: EARLIER },
      password: 'taken',
      role: 'none',
    },
    { passwordHash: 'h2' },
  ],
  [
    'a password that changed on both sides',
    { ...there, account: { ...account, passwordChangedAt: LATER } },
    {
      kind: 'merge',
      account: { ...account, passwordChangedAt: LATER },
      password: 'kept',
      role: 'none',
    },
    { passwordHash: 'h2' },
  ],
  [
    'a role that changed in the source',
    there,
    { kind: 'merge', account, password: 'none', role: 'taken' },
    { role: 'admin' },
  ],
  [
    'a role that changed here before the latest import, and then in the source',
    { ...there, account: { ...account, role: 'admin' }, imported },
    {
      kind: 'merge',
      account: { ...account, role: 'admin' },
      password: 'none',
      role: 'kept',
    },
    { role: 'admin' },
  ],
  [
    'a role that changed on both sides',
    { ...there, imported: { ...imported, role: 'admin' } },
    { kind: 'merge', account, password: 'none', role: 'kept' },
  ],
]

for (const [name, existing, expected, changed = {}] of CASES) {
  test(`an import, for ${name}, decides: ${expected.kind}`, (t: TestContext) => {
    t.assert.deepStrictEqual(decide({ ...source, ...changed }, existing), expected)
  })
}
