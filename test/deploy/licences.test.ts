import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFolder } from '../support/process/folder.ts'

const SCRIPT = resolve('scripts/licences.mjs')
const LIST = 'THIRD-PARTY-LICENCES.md'

test('the list of licences is current, and has each direct dependency and no tool', (t: TestContext) => {
  t.assert.deepStrictEqual(run('.', '--check'), { status: 0, output: '' })
  const list = readFileSync(LIST, 'utf8')
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const name of Object.keys(dependencies)) t.assert.ok(rowOf(name).test(list), name)
  for (const name of ['typescript', 'tsx']) t.assert.ok(!rowOf(name).test(list), name)
})

test('a list of licences without a package of the lock file is refused until it is written again', async (t: TestContext) => {
  const folder = await makeFolder(t)
  cpSync(LIST, join(folder, LIST))
  writeLock(folder, { 'node_modules/new-one': { version: '1.0.0', license: 'MIT' } })
  t.assert.strictEqual(run(folder, '--check').status, 1)
  t.assert.strictEqual(run(folder).status, 0)
  t.assert.strictEqual(run(folder, '--check').status, 0)
  t.assert.match(readFileSync(join(folder, LIST), 'utf8'), /\n\| new-one \| MIT \|\n$/)
})

test('a licence that is not permitted, or missing, is refused, except of a package for development', async (t: TestContext) => {
  const folder = await makeFolder(t)
  writeLock(folder, {
    'node_modules/a/node_modules/@b/c': { version: '2.0.0', license: 'GPL-3.0-only' },
    'node_modules/d': { version: '1.0.0' },
    'node_modules/e': { version: '1.0.0', license: 'GPL-3.0-only', dev: true },
  })
  t.assert.deepStrictEqual(run(folder), {
    status: 1,
    output:
      'licences: @b/c 2.0.0: GPL-3.0-only is not permitted\nlicences: d 1.0.0: no licence is not permitted\n',
  })
})

test('a package for another platform, whose licence npm does not record, has that of the package that offers it', async (t: TestContext) => {
  const folder = await makeFolder(t)
  writeLock(folder, {
    'node_modules/hash': {
      version: '1.0.0',
      license: 'ISC',
      optionalDependencies: { 'hash-windows': '1.0.0' },
    },
    'node_modules/hash-windows': { version: '1.0.0', optional: true },
  })
  t.assert.strictEqual(run(folder).status, 0)
  t.assert.match(readFileSync(join(folder, LIST), 'utf8'), rowOf('hash-windows', 'ISC'))
})

function rowOf(name: string, license = '[^|]+'): RegExp {
  return new RegExp(`^\\| ${name} \\| ${license} \\|$`, 'm')
}

function writeLock(folder: string, packages: Record<string, object>): void {
  const lock = { packages: { '': { name: 'gatehouse' }, ...packages } }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
}

function run(folder: string, ...options: string[]) {
  const parameters = [SCRIPT, ...options]
  const { status, stderr } = spawnSync(process.execPath, parameters, {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, output: stderr }
}
