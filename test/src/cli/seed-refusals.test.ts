import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Command } from 'commander'
import { addSeed } from '../../../src/cli/commands/seed/seed.ts'
import { CLI, counts, ONE_EACH, setUpSeeding } from '../../support/process/seeding.ts'

test('seed, if its users already exist, says so, changes nothing and ends with 1', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  t.assert.strictEqual((await site.run(CLI, ['seed', ...ONE_EACH], environment)).code, 0)
  const before = await counts(url)
  const file = join(site.folder, 'data/users.csv')
  await writeFile(file, 'kept')
  const again = ['seed', '--users', '9', '--out', 'data']
  t.assert.deepStrictEqual(await site.run(CLI, again, environment), {
    code: 1,
    stdout: '',
    stderr: 'The users of seed 1 already exist. Run seed clear, or choose another --seed.\n',
  })
  t.assert.deepStrictEqual(await counts(url), before)
  t.assert.strictEqual(await readFile(file, 'utf8'), 'kept')
})

test('seed and seed clear, in production, are rejected without --yes', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  const production = { ...environment, NODE_ENV: 'production' }
  const stderr = 'error: NODE_ENV is production. Add --yes to run the command nevertheless.\n'
  const seed = ['seed', ...ONE_EACH]
  t.assert.deepStrictEqual(await site.run(CLI, seed, production), { code: 2, stdout: '', stderr })
  t.assert.deepStrictEqual(await readdir(site.folder), [])
  t.assert.strictEqual((await counts(url)).users, 0)

  t.assert.strictEqual((await site.run(CLI, [...seed, '--yes'], production)).code, 0)
  const clear = ['seed', 'clear']
  t.assert.deepStrictEqual(await site.run(CLI, clear, production), { code: 2, stdout: '', stderr })
  t.assert.strictEqual((await counts(url)).users, 1)
  t.assert.strictEqual((await site.run(CLI, [...clear, '--yes'], production)).code, 0)
  t.assert.strictEqual((await counts(url)).users, 0)
})

test('seed, with an invalid value of an option, writes nothing and ends with 2', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  const { code, stdout, stderr } = await site.run(CLI, ['seed', '--users', '0'], environment)
  t.assert.strictEqual(code, 2)
  t.assert.strictEqual(stdout, '')
  t.assert.match(stderr, /^error: .*--users/)
  t.assert.deepStrictEqual(await readdir(site.folder), [])
  t.assert.strictEqual((await counts(url)).users, 0)
})

test('every invalid value of an option of seed is refused with the name of the option', async (t: TestContext) => {
  for (const [option, value] of [
    ['--users', '0'],
    ['--users', '5000001'],
    ['--users', '1e3'],
    ['--sessions', '-1'],
    ['--tokens', 'many'],
    ['--seed', '1.5'],
    ['--url', 'localhost:3000'],
    ['--url', 'http://host/path'],
    ['--password', 'x'],
  ] as const) {
    let printed = ''
    const writeErr = (text: string) => {
      printed += text
    }
    const program = new Command().exitOverride().configureOutput({ writeErr })
    addSeed(program)
    await t.assert.rejects(program.parseAsync(['seed', option, value], { from: 'user' }))
    t.assert.match(printed, new RegExp(`^error: .*'?${option}\\b`))
  }
})

test('seed, whose folder cannot be created, prints the reason, changes nothing and ends with 1', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  await writeFile(join(site.folder, 'data'), '')
  const { code, stderr } = await site.run(CLI, ['seed', ...ONE_EACH], environment)
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /^EEXIST: .*data/)
  t.assert.strictEqual((await counts(url)).users, 0)
})
