import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { clientOf, FREEZE } from '../../../contract/client.ts'
import { ACCEPTED, CLIENT, RELEASED, readDocument, TODAY } from '../../../contract/files.ts'
import { install } from '../../support/process/installation.ts'
import { type Edit, edited } from './edits.ts'

const CHECK = 'contract/check.ts'
const FREEZING = 'contract/freeze.ts'
const released = readDocument(RELEASED)
const SCHEMAS = 'components schemas'
/** For the values of lists, which an edit replaces as a whole. */
const { info, components, paths } = JSON.parse(readFileSync(RELEASED, 'utf8'))

/** Breaks of the real document, one for each rule of the issue that most releases of others broke. */
const BREAKS: [title: string, edits: Edit[], line: string][] = [
  [
    'a removed operation',
    [['paths /me get']],
    'getMe: GET /me is gone [operation-removed]: a client calls it',
  ],
  [
    'a removed status',
    [['paths /user/{id} get responses 404']],
    'getUser: response 404 is gone [status-removed]: a client handles it',
  ],
  [
    'a removed error code',
    [['paths /verify get x-error-codes', ['UNAUTHENTICATED']]],
    'verify: errors lose the code ROLE_MISSING [code-removed]: a client decides by it',
  ],
  [
    'a renamed property',
    [
      [`${SCHEMAS} Session properties seenAt`, { type: 'string', format: 'date-time' }],
      [`${SCHEMAS} Session properties lastSeenAt`],
    ],
    'listSessions, listUserSessions: responses: Session.lastSeenAt is gone [property-removed]: a client reads it',
  ],
  [
    'a new value of an enum that the server returns',
    [[`${SCHEMAS} HealthStatus enum`, ['ok', 'degraded']]],
    'getLiveness, getReadiness: responses: HealthStatus gets the value degraded [value-added]: a client with a closed enum cannot read the response',
  ],
  [
    'a new required property of a request',
    [
      [`${SCHEMAS} Credentials properties code`, { type: 'string' }],
      [`${SCHEMAS} Credentials required`, ['username', 'password', 'code']],
    ],
    'login: requests: Credentials.code is new and required [request-required]: a client does not send it',
  ],
  [
    'a lower limit of a request',
    [[`${SCHEMAS} TokenRequest properties name maxLength`, 50]],
    'createToken, createServiceToken: requests: TokenRequest.name changes maxLength from 100 to 50 [request-narrowed]: a client sends what is now refused',
  ],
  [
    'a property of a response that can be null',
    [[`${SCHEMAS} User properties createdAt type`, ['string', 'null']]],
    'createUser, login, getMe and 1 more: responses: User.createdAt can be null [null-added]: a client does not expect null',
  ],
  [
    'a credential for an operation without one',
    [['paths /login post security', [{ bearerToken: [] }]]],
    'login: security no longer takes no credential [security-changed]: a client without the new credential or scope is refused',
  ],
  [
    'another name of an operation',
    [['paths /logout post operationId', 'endOwnSession']],
    'logout: operationId becomes endOwnSession [operation-renamed]: SDKs name a method by the operationId',
  ],
]

for (const [title, edits, line] of BREAKS) {
  test(`${title} of the released document fails the contract check`, async (t: TestContext) => {
    const { code, stderr } = await check(t, edits)
    t.assert.strictEqual(code, 1)
    t.assert.ok(stderr.split('\n').includes(`contract: ${line}`), stderr)
    t.assert.match(stderr, /clients of \d+\.\d+\.\d+ break: CONTRIBUTING\.md/)
  })
}

test('additions to the released document pass, and are printed for the changelog', async (t: TestContext) => {
  const { code, stdout } = await check(t, [
    ['paths /tokens/{id} get', { operationId: 'getToken', summary: 'Read a token' }],
    [`${SCHEMAS} User properties locale`, { type: 'string' }],
    ['paths /livez get responses 429 $ref', '#/components/responses/TooManyRequests'],
  ])
  t.assert.strictEqual(code, 0)
  const [first, ...entry] = stdout.trimEnd().split('\n')
  t.assert.match(first ?? '', /^contract: clients of .* work\. For CHANGELOG\.md:$/)
  t.assert.deepStrictEqual(entry, [
    '- Added: responses: User.locale (`createUser`, `login`, `getMe`, `getUser`)',
    '- Added: `GET /tokens/{id}` (`getToken`). Read a token',
  ])
})

test('a new error code passes if it is accepted with a reason, and no other break can be accepted', async (t: TestContext) => {
  const edits: Edit[] = [
    [`${SCHEMAS} ErrorCode enum`, [...components.schemas.ErrorCode.enum, 'REUSED']],
    ['paths /livez get x-error-codes', [...paths['/livez'].get['x-error-codes'], 'REUSED']],
  ]
  const finding = 'errors get the code REUSED [code-added]'
  t.assert.strictEqual((await check(t, edits)).code, 1)
  const operations = ['getLiveness']
  const accepted = { finding, operations, reason: 'only with a new parameter' }
  const passed = await check(t, edits, [accepted])
  t.assert.strictEqual(passed.code, 0, passed.stderr)
  t.assert.match(passed.stdout, /^- Changed, breaks clients: errors get the code REUSED/m)

  const elsewhere: Edit = ['paths /me get x-error-codes', ['REUSED']]
  t.assert.match((await check(t, [...edits, elsewhere], [accepted])).stderr, /getLiveness, getMe/)
  t.assert.strictEqual((await check(t, edits, [{ ...accepted, reason: ' ' }])).code, 1)
  t.assert.match((await check(t, [], [accepted])).stderr, /REUSED.*is not found/)
  const removal = { finding: 'GET /me is gone [operation-removed]', operations: ['getMe'] }
  const refused = await check(t, [['paths /me get']], [{ ...removal, reason: 'unused' }])
  t.assert.strictEqual(refused.code, 1)
})

test('a new major version may break clients, and the breaks are printed for the changelog', async (t: TestContext) => {
  const { code, stdout } = await check(t, [['paths /me get'], ['info version', '2.0.0']])
  t.assert.strictEqual(code, 0)
  t.assert.match(stdout, /^- Changed, breaks clients: GET \/me is gone \(`getMe`\)$/m)
  t.assert.strictEqual((await check(t, [['paths /me get'], ['info version', '1.9.0']])).code, 1)
})

test('a document whose version has a tag is only replaced by one that breaks no client', async (t: TestContext) => {
  const site = await folderWith(t, [['paths /me get']])
  const git = (...args: string[]) => execFileSync('git', args, { cwd: site.folder })
  git('init', '--quiet')
  git('-c', 'user.name=a', '-c', 'user.email=a@b.test', 'commit', '--allow-empty', '-qm', 'first')
  git('tag', `v${info.version}`)
  const refused = await site.run(FREEZING, [])
  t.assert.strictEqual(refused.code, 1)
  t.assert.match(refused.stderr, /GET \/me is gone/)
  t.assert.deepStrictEqual(read(site.folder, RELEASED), released)

  write(site.folder, TODAY, edited(released, [[`${SCHEMAS} User properties locale`, {}]]))
  write(site.folder, ACCEPTED, [{ finding: 'a', operations: [], reason: 'b' }])
  t.assert.strictEqual((await site.run(FREEZING, [])).code, 0)
  t.assert.deepStrictEqual(read(site.folder, RELEASED), read(site.folder, TODAY))
  t.assert.deepStrictEqual(read(site.folder, ACCEPTED), [])
  t.assert.match(readFileSync(join(site.folder, CLIENT), 'utf8'), /locale\?: unknown/)
})

test('a document without a tag is not released yet, and is replaced by any other', async (t: TestContext) => {
  const site = await folderWith(t, [['paths /me get']])
  execFileSync('git', ['init', '--quiet'], { cwd: site.folder })
  t.assert.strictEqual((await site.run(FREEZING, [])).code, 0)
  t.assert.deepStrictEqual(read(site.folder, RELEASED), read(site.folder, TODAY))
})

test('the committed client is what the generator makes of the released document', async (t: TestContext) => {
  const text = readFileSync(RELEASED, 'utf8')
  t.assert.ok(readFileSync(CLIENT, 'utf8') === (await clientOf(text, FREEZE)), `run ${FREEZE}`)
})

/** Runs the check in a folder of its own, with the released document, and edits of it as today's. */
async function check(t: TestContext, edits: Edit[], accepted: object[] = []) {
  const site = await folderWith(t, edits)
  write(site.folder, ACCEPTED, accepted)
  return site.run(CHECK, [])
}

async function folderWith(t: TestContext, edits: Edit[]) {
  const site = await install(t)
  mkdirSync(join(site.folder, 'contract/client'), { recursive: true })
  cpSync(RELEASED, join(site.folder, RELEASED))
  write(site.folder, TODAY, edited(released, edits))
  write(site.folder, ACCEPTED, [])
  return site
}

function write(folder: string, path: string, value: unknown): void {
  writeFileSync(join(folder, path), JSON.stringify(value))
}

function read(folder: string, path: string) {
  return JSON.parse(readFileSync(join(folder, path), 'utf8'))
}
