import { type TestContext, test } from 'node:test'
import { loadConfig, splitList } from '../../../src/config/config.ts'
import { configErrorOf } from '../../support/process/config-error.ts'

test('ALLOWED_ORIGINS accepts origins as browsers send them, and nothing else', (t: TestContext) => {
  for (const good of ['https://app.example', 'http://[::1]:8080, https://xn--bcher-kva.example']) {
    t.assert.strictEqual(loadConfig({ ALLOWED_ORIGINS: good }).ALLOWED_ORIGINS, good)
  }
  for (const bad of [
    '*',
    'null',
    'app.example',
    'https://app.example/',
    'https://App.example',
    'https://app.example:443',
    'https://*.example',
    'https://app.example,',
    'ftp://app.example',
    'https://a b',
  ]) {
    t.assert.match(errorOf(t, { ALLOWED_ORIGINS: bad }), /ALLOWED_ORIGINS is not valid/, bad)
  }
})

test('TRUST_PROXY accepts addresses and CIDRs of both versions, and nothing else', (t: TestContext) => {
  for (const good of [
    '127.0.0.1',
    '::1',
    '10.0.0.0/8',
    'fd00::/8',
    '0.0.0.0/0,::/0, 10.1.2.3/32',
  ]) {
    t.assert.strictEqual(loadConfig({ TRUST_PROXY: good }).TRUST_PROXY, good)
  }
  for (const bad of [
    'true',
    '1',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/255.0.0.0',
    '127.0.0.1,',
    '127.0.0.1 10.0.0.1',
    '256.0.0.1',
  ]) {
    t.assert.match(errorOf(t, { TRUST_PROXY: bad }), /TRUST_PROXY is not valid: addresses/, bad)
  }
})

test('SESSION_SECRET accepts several of 32 characters or more each', (t: TestContext) => {
  const [first, second] = ['a'.repeat(32), 'b'.repeat(40)]
  const { SESSION_SECRET } = loadConfig({ SESSION_SECRET: `${first},${second}` })
  t.assert.deepStrictEqual(splitList(SESSION_SECRET), [first, second])
  for (const bad of [
    'a'.repeat(31),
    `${first},short`,
    `short,${first}`,
    `${first},`,
    `,${first}`,
  ]) {
    t.assert.match(errorOf(t, { SESSION_SECRET: bad }), /SESSION_SECRET is not valid: 32/, bad)
  }
})

test('DATABASE_URL accepts a MySQL URL with a database, and nothing else', (t: TestContext) => {
  for (const good of [
    'mysql://me:mine@db.example:3306/gatehouse',
    'mysql://root@localhost/x?socketPath=%2Fs.sock',
    'mysql://me:m,i@ne@one:3306,two:3307,[::1]/gatehouse',
  ]) {
    t.assert.strictEqual(loadConfig({ DATABASE_URL: good }).DATABASE_URL, good)
  }
  const bad = ['localhost', 'postgres://u@h/d', 'mysql://h', 'mysql://h/', 'mysql:///d']
  for (const value of [...bad, 'mysql://a,,b/d', 'mysql://a,/d', 'mysql://a:x,b/d']) {
    t.assert.match(errorOf(t, { DATABASE_URL: value }), /DATABASE_URL is not valid/, value)
  }
})

test('DATABASE_READ_HOSTS accepts hosts with ports, and nothing else', (t: TestContext) => {
  for (const good of ['one', 'one:3306', 'one:3306, two,[::1]:1']) {
    const { DATABASE_READ_HOSTS } = loadConfig({ DATABASE_READ_HOSTS: good })
    t.assert.strictEqual(DATABASE_READ_HOSTS, good)
  }
  for (const bad of ['one,', 'me@one', 'one/d', 'one:port', 'mysql://one']) {
    const message = errorOf(t, { DATABASE_READ_HOSTS: bad })
    t.assert.match(message, /DATABASE_READ_HOSTS is not valid/, bad)
  }
  const none = { DATABASE_READ_HOSTS: 'one', DATABASE_CONSISTENCY: 'none' }
  t.assert.match(errorOf(t, none), /DATABASE_READ_HOSTS does not go together/)
})

test('lists of database hosts with a host twice, with port 0 or with a socket are rejected by a text that names the setting', (t: TestContext) => {
  const url = (rest: string) => ({ DATABASE_URL: `mysql://me:hush@${rest}` })
  const one = url('one/d')
  for (const [settings, expected] of [
    [url('one,two,one/d'), /DATABASE_URL has the host one more than once/],
    [url('one,One:3306/d'), /DATABASE_URL has the host One:3306 more than once/],
    [url('one:0/d'), /DATABASE_URL has the port 0: one:0/],
    [url('one,two/d?socketPath=/s'), /DATABASE_URL has several hosts and a socketPath/],
    [{ ...one, DATABASE_READ_HOSTS: 'two, two:3306' }, /DATABASE_READ_HOSTS has the host two:3306/],
    [{ ...one, DATABASE_READ_HOSTS: 'two:0' }, /DATABASE_READ_HOSTS has the port 0: two:0/],
    [
      { ...url('one/d?socketPath=/s'), DATABASE_READ_HOSTS: 'two' },
      /DATABASE_READ_HOSTS does not go together with a socketPath/,
    ],
  ] as const) {
    const message = errorOf(t, settings)
    t.assert.match(message, expected)
    t.assert.ok(!message.includes('hush'))
  }
  loadConfig({ ...url('one,two/d'), DATABASE_READ_HOSTS: 'two' })
})

test('DATABASE_URL, with a password that is not percent-encoded, is rejected with a hint and without the password', (t: TestContext) => {
  const hint = 'write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25'
  for (const password of [
    'hu#sh',
    '1#2',
    'hu/sh',
    '1/2',
    'hu?sh',
    '1?2',
    'hu@s/h',
    '100%',
    'hush%zz',
  ]) {
    const message = errorOf(t, { DATABASE_URL: `mysql://me:${password}@h/d` })
    t.assert.ok(message.includes(hint), password)
    t.assert.ok(!message.includes(password), password)
    const DATABASE_URL = `mysql://me:${encodeURIComponent(password)}@h/d`
    t.assert.strictEqual(loadConfig({ DATABASE_URL }).DATABASE_URL, DATABASE_URL)
  }
  // In a `.env` file, `#` begins a comment and cuts the password off.
  t.assert.ok(errorOf(t, { DATABASE_URL: 'mysql://me:hu' }).includes(hint))
  for (const without of ['localhost', 'mysql://h', 'mysql://h/']) {
    t.assert.ok(!errorOf(t, { DATABASE_URL: without }).includes('%23'), without)
  }
})

function errorOf(t: TestContext, environment: NodeJS.ProcessEnv): string {
  return configErrorOf(t, () => loadConfig(environment))
}
