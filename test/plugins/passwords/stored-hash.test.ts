import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { classifyHash } from '../../../plugins/passwords/stored-hash.ts'

const SALT = 'a1B2c3D4e5F6g7H8'
const OWN = await hash('right', { cost: 4 })

test('a well-formed hash of a supported scheme is accepted, with its parameters, up to the limits', (t: TestContext) => {
  for (const [version, cost] of [
    ['2a', '04'],
    ['2b', '12'],
    ['2y', '15'],
  ]) {
    const text = `$${version}$${cost}${OWN.slice(6)}`
    const expected = { ok: true, scheme: 'bcrypt', cost: Number(cost), text }
    t.assert.deepStrictEqual(classifyHash(text), expected)
  }
  for (const parameters of ['2:1:1', '32768:8:1', '131072:8:1', '1024:8:128', '32768:1:32']) {
    const [N, r, p] = parameters.split(':').map(Number)
    const digest = Buffer.alloc(64, 1)
    const text = `scrypt:${parameters}$${SALT}$${digest.toString('hex')}`
    const expected = { ok: true, scheme: 'scrypt', N, r, p, salt: SALT, digest }
    t.assert.deepStrictEqual(classifyHash(text), expected)
  }
  for (const [hashFunction, bytes] of [
    ['sha1', 20],
    ['sha224', 28],
    ['sha256', 32],
    ['sha384', 48],
    ['sha512', 64],
  ] as const) {
    for (const iterations of [1, 600_000, 2_000_000]) {
      for (const salt of ['s', ' !#%~', 'x'.repeat(64)]) {
        const digest = Buffer.alloc(bytes, 1)
        const text = `pbkdf2:${hashFunction}:${iterations}$${salt}$${digest.toString('hex')}`
        const expected = { ok: true, scheme: 'pbkdf2', hashFunction, iterations, salt, digest }
        t.assert.deepStrictEqual(classifyHash(text), expected)
      }
    }
  }
})

test('a hash whose parameters exceed the limits is too expensive', (t: TestContext) => {
  assertAll(t, 'hash-too-expensive', [
    OWN.replace('$04$', '$16$'),
    OWN.replace('$04$', '$31$'),
    scrypt('262144:8:1'),
    scrypt('131072:8:2'),
    scrypt('131072:9:1'),
    scrypt('2:262144:1'), // N * r * p is small enough, but the blocks take more than the table
    scrypt('9007199254740993:8:1'),
    scrypt(`${'9'.repeat(40)}:8:1`),
    pbkdf2('sha256:2000001'),
    pbkdf2(`sha256:${'9'.repeat(40)}`),
  ])
})

test('a hash that begins like a supported scheme, and is malformed or cut off, is damaged', (t: TestContext) => {
  assertAll(t, 'hash-damaged', [
    '$2b$',
    OWN.slice(0, -1),
    `${OWN}.`,
    `${OWN}\n`,
    OWN.replace('$04$', '$03$'),
    OWN.replace('$04$', '$32$'),
    OWN.replace('$04$', '$4$'),
    `${OWN.slice(0, 28)}P${OWN.slice(29)}`, // bits that no implementation sets
    `${OWN.slice(0, 59)}z`,
    `${OWN.slice(0, 40)}\u00e9${OWN.slice(41)}`,
    'scrypt:',
    'scrypt:32768:8:1',
    scrypt('32768:8:1').slice(0, 80), // what a column of 80 characters keeps
    scrypt('32768:8:1').slice(0, -1),
    `${scrypt('32768:8:1')}00`,
    scrypt('32768:8:1').toUpperCase().replace('SCRYPT', 'scrypt').replace('01', 'AB'),
    ...['32768:8', '32768:8:1:1', '32767:8:1', '1:8:1', '0:8:1', '1024:0:1', '1024:8:0'].map(
      scrypt,
    ),
    ...['-2:8:1', '1e3:8:1', '01024:8:1', ' 1024:8:1', '65536:1:1'].map(scrypt),
    'pbkdf2:sha256:1000',
    pbkdf2('sha256:600000').slice(0, 80),
    pbkdf2('sha256:1000').slice(0, -2),
    pbkdf2('sha512:1000'), // the digest of sha256
    ...['sha256:0', 'sha256:-1', 'sha256:1.5', 'sha256:1000:1'].map((parameters) =>
      pbkdf2(parameters),
    ),
    pbkdf2('sha256:1000', ''),
    pbkdf2('sha256:1000', 'x'.repeat(129)),
    pbkdf2('sha256:1000', 'a\tb'),
    pbkdf2('sha256:1000', 's\u00e4lt'),
    pbkdf2('sha256:1000', 'a$b'),
    pbkdf2(`sha256:1${'0'.repeat(200)}`),
  ])
})

test('a hash of another scheme is unsupported, and so is a plain password of the same form', (t: TestContext) => {
  assertAll(t, 'hash-unsupported', [
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG',
    '$1$salt$qJH7.N4xYta3aEG/dfqo/0',
    '$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1',
    '$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.',
    '$y$j9T$salt$hash',
    OWN.replace('$2b$', '$2$'),
    OWN.replace('$2b$', '$2x$'),
    '$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA',
    '$pbkdf2-sha256$29000$c2FsdA$aGFzaA',
    '{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr',
    `{bcrypt}${OWN}`,
    `md5$${SALT}$${'0'.repeat(32)}`,
    `sha256$${SALT}$${'0'.repeat(64)}`,
    'plain$$secret',
    'pbkdf2_sha256$600000$salt$aGFzaA==',
    `bcrypt_sha256$${OWN}`,
    pbkdf2('sha256'), // without iterations: the default of some version
    pbkdf2('md5:1000'),
    pbkdf2('sha3_256:1000'),
    ...[32, 40, 56, 64, 96, 128].flatMap((length) => ['a'.repeat(length), 'A0'.repeat(length / 2)]),
    `*${'0A'.repeat(20)}`,
  ])
})

test('a text of no such form is not a hash', (t: TestContext) => {
  assertAll(t, 'not-a-hash', [
    '',
    'right',
    'correct horse battery staple',
    '$money$',
    '$2 a day',
    '{hello} world',
    'scrypt is not bcrypt',
    'pbkdf2',
    'a'.repeat(33),
    'g'.repeat(32),
    'p\u00e4ssword \u5bc6\u7801',
    'x'.repeat(1_000),
  ])
})

function assertAll(t: TestContext, reason: string, texts: string[]): void {
  for (const text of texts) {
    t.assert.deepStrictEqual(classifyHash(text), { ok: false, reason }, text)
  }
}

function scrypt(parameters: string): string {
  return `scrypt:${parameters}$${SALT}$${'01'.repeat(64)}`
}

function pbkdf2(parameters: string, salt = SALT): string {
  return `pbkdf2:${parameters}$${salt}$${'01'.repeat(32)}`
}
