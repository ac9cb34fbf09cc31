import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import { createSource, OLD_HASH } from '../../support/flask/source-table.ts'
import { build, send } from '../../support/http/build.ts'
import { BY_COMMAND, commandsOn } from '../../support/process/command.ts'

test('the command line creates a service and a limited token, which acts within its scopes', async (t: TestContext) => {
  const url = await createDatabase()
  const { app } = await build(t, { DATABASE_URL: url })
  const { succeed } = await commandsOn(t, url)
  const create = [
    'user',
    'create',
    'billing',
    '--service',
    '--address',
    '127.0.0.0/8',
    '--address',
    '::1',
  ]
  t.assert.strictEqual(await succeed(create), 'Service billing created, role user.\n')
  const [row] = await query(url, "SELECT * FROM users WHERE username = 'billing'")
  t.assert.strictEqual(row?.kind, 'service')
  t.assert.strictEqual(row?.password_hash, '*')
  t.assert.strictEqual(row?.address_ranges, '127.0.0.0/8 ::1')
  const [event] = await query(url, "SELECT * FROM events WHERE type = 'user_created'")
  t.assert.deepStrictEqual(JSON.parse(String(event?.detail)), {
    username: 'billing',
    role: 'user',
    kind: 'service',
    addressRanges: '127.0.0.0/8 ::1',
    ...BY_COMMAND,
  })

  const words = ['token', 'create', 'billing', '--name', 'orders', '--json']
  const scopes = ['--scope', 'orders:read', '--scope', 'introspect', '--scope', 'orders:read']
  const token = JSON.parse(await succeed([...words, ...scopes]))
  t.assert.deepStrictEqual(token.scopes, ['orders:read', 'introspect'])
  const headers = { authorization: `Bearer ${token.token}` }
  const form = { token: token.token, address: '127.0.0.1' }
  const answer = await send(app, 'POST', '/introspect', { headers, form })
  t.assert.strictEqual(answer.json().client_id, 'billing')
  t.assert.strictEqual((await send(app, 'GET', '/user/1', { headers })).statusCode, 403)

  t.assert.match(await succeed(['token', 'list', 'billing']), /SCOPES.*\n.*orders:read introspect/)
  t.assert.match(
    await succeed(['user', 'show', 'billing']),
    /kind +service\n(.*\n)*addresses +127\.0\.0\.0\/8 ::1/,
  )
  t.assert.match(await succeed(['user', 'list', '--kind', 'service']), /billing +service/)
  t.assert.doesNotMatch(await succeed(['user', 'list', '--kind', 'person']), /billing/)
  const shown = JSON.parse(await succeed(['user', 'show', 'billing', '--json']))
  t.assert.deepStrictEqual(shown.addressRanges, ['127.0.0.0/8', '::1'])
})

test('user set-addresses limits the tokens of a service at the next request, and ends the limit', async (t: TestContext) => {
  const url = await createDatabase()
  const { app } = await build(t, { DATABASE_URL: url })
  const { succeed } = await commandsOn(t, url)
  await succeed(['user', 'create', 'billing', '--service'])
  const words = ['token', 'create', 'billing', '--name', 'x', '--json']
  const { token } = JSON.parse(await succeed(words))
  const status = async () => {
    const headers = { authorization: `Bearer ${token}` }
    return (await send(app, 'GET', '/me', { headers })).statusCode
  }
  const set = (...ranges: string[]) => succeed(['user', 'set-addresses', 'billing', ...ranges])
  t.assert.strictEqual(await status(), 200)
  const limited = await set('192.0.2.0/24', '::1', '192.0.2.0/24')
  t.assert.strictEqual(limited, 'The tokens of billing may now come from 192.0.2.0/24 ::1.\n')
  t.assert.strictEqual(await status(), 401)
  t.assert.match(await set('192.0.2.0/24', '::1'), /already\. Nothing was changed/)
  t.assert.match(await set('any'), /may now come from any address/)
  t.assert.match(await set('any'), /already\. Nothing was changed/)
  t.assert.strictEqual(await status(), 200)
  const [row] = await query(url, "SELECT * FROM users WHERE username = 'billing'")
  t.assert.strictEqual(row?.address_ranges, null)
  const changes = await query(url, "SELECT * FROM events WHERE type = 'user_updated' ORDER BY id")
  t.assert.deepStrictEqual(
    changes.map(({ detail }) => JSON.parse(String(detail))),
    ['192.0.2.0/24 ::1', 'any'].map((addressRanges) => ({ addressRanges, ...BY_COMMAND })),
  )
})

test('commands refuse what a service account cannot have, and change nothing', async (t: TestContext) => {
  const url = await createDatabase()
  const { run, succeed } = await commandsOn(t, url)
  await succeed(['user', 'create', 'billing', '--service'])
  await succeed(['user', 'create', 'ada'], 'a kettle on the quiet stove\n')
  const before = await query(url, 'SELECT * FROM users')
  const ranges = Array.from({ length: 11 }, (_, index) => ['--address', `10.0.0.${index}`]).flat()
  const scopes = Array.from({ length: 21 }, (_, index) => ['--scope', `orders:${index}`]).flat()
  for (const [args, message] of [
    [['user', 'set-password', 'billing'], /billing is a service account, which has no password/],
    [['user', 'create', 'bob', '--address', '10.0.0.1'], /add --service/],
    [['user', 'create', 'shop', '--service', '--address', '10.0.0.0/33'], /an address or a CIDR/],
    [['user', 'create', 'shop', '--service', ...ranges], /at most 10 ranges/],
    [['user', 'create', 'Billing', '--service'], /already exists/],
    [['user', 'set-addresses', 'billing'], /missing required argument/],
    [['user', 'set-addresses', 'billing', '10.0.0.0/33'], /an address or a CIDR/],
    [['user', 'set-addresses', 'billing', '::ffff:10.0.0.0/8'], /an address or a CIDR/],
    [['user', 'set-addresses', 'billing', 'any', '::1'], /either address ranges or any/],
    [['user', 'set-addresses', 'ada', '::1'], /ada is no service account/],
    [['user', 'set-addresses', 'nobody', '::1'], /No user is named nobody/],
    [['token', 'create', 'billing', '--name', 'x', '--scope', 'events:write'], /must be one of/],
    [['token', 'create', 'billing', '--name', 'x', ...scopes], /at most 20 scopes/],
    [['user', 'list', '--kind', 'robot'], /person, service/],
  ] as const) {
    const { code, stdout, stderr } = await run([...args], 'a kettle on the quiet stove\n')
    t.assert.notStrictEqual(code, 0, args.join(' '))
    t.assert.strictEqual(stdout, '')
    t.assert.match(stderr, message)
  }
  t.assert.deepStrictEqual(await query(url, 'SELECT * FROM users'), before)
  t.assert.deepStrictEqual(await query(url, 'SELECT * FROM tokens'), [])
})

test('a service does not count as the last enabled admin', async (t: TestContext) => {
  const url = await createDatabase()
  const { run, succeed } = await commandsOn(t, url)
  await succeed(['user', 'create', 'ada', '--role', 'admin'], 'a kettle on the quiet stove\n')
  await succeed(['user', 'create', 'robot', '--service', '--role', 'admin'])
  const { code, stderr } = await run(['user', 'disable', 'ada'])
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /ada is the last enabled admin/)
  t.assert.match(
    await succeed(['user', 'set-role', 'robot', 'user']),
    /robot now has the role user/,
  )
})

test('an import leaves a service account alone, also with --delete-missing', async (t: TestContext) => {
  const url = await createDatabase()
  const { run, succeed } = await commandsOn(t, url)
  await succeed(['user', 'create', 'billing', '--service'])
  await succeed(['token', 'create', 'billing', '--name', 'orders', '--json'])
  const [service] = await query(url, 'SELECT * FROM users')
  const row = { id: Number(service?.id), username: 'billing', password: OLD_HASH }
  const source = await createSource([{ ...row, role: 'admin' }])
  for (const args of [[source], [source, '--delete-missing']]) {
    const { code, stdout, stderr } = await run(['import', ...args])
    t.assert.strictEqual(code, 2, stderr)
    t.assert.match(stdout, /\nrefused: id \d+ "billing": /)
    t.assert.deepStrictEqual(await query(url, 'SELECT * FROM users'), [service])
    t.assert.deepStrictEqual(await query(url, 'SELECT * FROM imported_users'), [])
    t.assert.strictEqual((await query(url, 'SELECT * FROM tokens')).length, 1)
  }
})
