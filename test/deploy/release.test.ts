// Runs the release script in small repositories, whose checks only write down that they ran.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFolder } from '../support/process/folder.ts'

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.1.0] - 2027-01-31

### Added

- A thing.

## [1.0.0] - 2026-12-01

### Added

- All.
`
/** Files that name a release. */
const NAMING = {
  'deploy/kubernetes/migration.yaml': 'image: registry.example/gatehouse:1.0.0 # adapt\n',
  'deploy/kubernetes/server.yaml': 'image: registry.example/gatehouse:1.0.0 # adapt\nport: 1.0.0\n',
  'docs/production.md': 'Unpack `gatehouse-1.0.0.tgz`. In the folder of gatehouse-1.0.0.tgz, …\n',
}
const IDENTITY = { name: 'A Maintainer', email: 'maintainer@gatehouse.test' }

/** Makes a repository whose last release is 1.0.0. */
async function makeRepository(t: TestContext, changelog = CHANGELOG) {
  const folder = await makeFolder(t)
  const checkout = join(folder, 'checkout')
  for (const name of ['contract', 'deploy/kubernetes', 'docs']) {
    mkdirSync(join(checkout, name), { recursive: true })
  }
  for (const name of ['release.mjs', 'changelog.mjs', 'set-version.mjs']) {
    cpSync(`scripts/${name}`, join(checkout, 'scripts', name))
  }
  const log = join(folder, 'log')
  // Node passes what follows `--` to the program.
  const note = (name: string) =>
    `node -e "fs.appendFileSync('${log}', ['${name}', ...process.argv.slice(1)].join(' ') + '\\n')" --`
  const names = ['openapi', 'contract:check', 'validate', 'contract:freeze']
  const manifest = {
    ...{ name: 'gatehouse', version: '1.0.0', files: ['scripts'] },
    scripts: Object.fromEntries(names.map((name) => [name, note(name)])),
  }
  const write = (name: string, text: string) => writeFileSync(join(checkout, name), text)
  write('package.json', JSON.stringify(manifest))
  write('contract/gatehouse-1.0.0.tgz', 'the last release')
  write('CHANGELOG.md', changelog)
  for (const [name, text] of Object.entries(NAMING)) write(name, text)
  const run = (program: string, ...args: string[]) => {
    const { PATH = '', HOME = '' } = process.env
    const env = { PATH, HOME, GIT_CONFIG_GLOBAL: '/dev/null', npm_config_update_notifier: 'false' }
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: checkout,
      env,
      encoding: 'utf8',
    })
    return { status, stdout: stdout.trim(), stderr }
  }
  run('git', 'init', '--quiet', '--initial-branch=main')
  for (const [key, value] of Object.entries(IDENTITY)) run('git', 'config', `user.${key}`, value)
  run('git', 'add', '--all')
  run('git', 'commit', '--quiet', '--message', 'All')
  run('git', 'tag', '--annotate', '--message', 'Gatehouse 1.0.0', 'v1.0.0')
  return {
    run,
    write,
    checkout,
    release: (...args: string[]) => run('node', 'scripts/release.mjs', ...args),
    head: () => run('git', 'rev-parse', 'HEAD').stdout,
    /** The checks that ran, in order. */
    checks: () => readFileSync(log, { encoding: 'utf8', flag: 'a+' }).trim(),
  }
}

test('a release checks, packs, freezes the contract, commits and tags', async (t: TestContext) => {
  const { release, run, checks, checkout } = await makeRepository(t)
  const { status, stderr } = release('1.1.0')
  t.assert.strictEqual(status, 0, stderr)
  t.assert.strictEqual(checks(), 'openapi\ncontract:check\nvalidate --long\ncontract:freeze')
  t.assert.deepStrictEqual(readdirSync(join(checkout, 'contract')), ['gatehouse-1.1.0.tgz'])
  t.assert.strictEqual(run('git', 'status', '--porcelain').stdout, '')
  t.assert.strictEqual(run('git', 'cat-file', '-t', 'v1.1.0').stdout, 'tag')
  const { stdout } = run('git', 'show', 'v1.1.0^{commit}:package.json')
  t.assert.strictEqual(JSON.parse(stdout).version, '1.1.0')
  for (const [name, text] of Object.entries(NAMING)) {
    const released = text.replaceAll(/(?<=gatehouse.)1\.0\.0/g, '1.1.0')
    t.assert.strictEqual(run('git', 'show', `v1.1.0^{commit}:${name}`).stdout, released.trim())
  }
  t.assert.strictEqual(run('git', 'log', '-1', '--format=%s').stdout, 'Release 1.1.0')
})

test('a release of a commit that was validated leaves out only that step', async (t: TestContext) => {
  const { release, checks, head } = await makeRepository(t)
  t.assert.strictEqual(release('1.1.0', '--validated', head()).status, 0)
  t.assert.strictEqual(checks(), 'openapi\ncontract:check\ncontract:freeze')
})

test('a release with --dry-run prints the steps and changes nothing', async (t: TestContext) => {
  const { release, run, checks, head } = await makeRepository(t)
  const before = head()
  const { status, stdout } = release('1.1.0', '--dry-run')
  t.assert.strictEqual(status, 0)
  t.assert.match(
    stdout,
    /^npm version 1\.1\.0 .*\nnode scripts\/set-version\.mjs\nnpm run openapi\n/,
  )
  t.assert.match(stdout, /^npm run contract:check\nnpm run validate -- --long\n/m)
  t.assert.match(stdout, /^git tag .* v1\.1\.0$/m)
  t.assert.deepStrictEqual([checks(), head(), run('git', 'status', '-s').stdout], ['', before, ''])
})

test('a release whose check fails commits and tags nothing', async (t: TestContext) => {
  const { release, run, write, head, checkout } = await makeRepository(t)
  const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  manifest.scripts['contract:check'] = 'exit 1'
  write('package.json', JSON.stringify(manifest))
  run('git', 'commit', '--all', '--quiet', '--message', 'Break the contract')
  const before = head()
  const { status, stderr } = release('1.1.0')
  t.assert.strictEqual(status, 1)
  t.assert.match(stderr, /^release: npm run contract:check failed/m)
  t.assert.deepStrictEqual([head(), run('git', 'tag').stdout], [before, 'v1.0.0'])
})

test('a release whose files do not name a version to replace commits and tags nothing', async (t: TestContext) => {
  const { release, run, write, head, checks, checkout } = await makeRepository(t)
  write('deploy/kubernetes/server.yaml', 'image: registry.example/gatehouse:latest\n')
  run('git', 'commit', '--all', '--quiet', '--message', 'Take any image')
  const before = head()
  const { status, stderr } = release('1.1.0')
  t.assert.strictEqual(status, 1)
  t.assert.match(stderr, /^set-version: deploy\/kubernetes\/server\.yaml names no version$/m)
  t.assert.deepStrictEqual([checks(), head(), run('git', 'tag').stdout], ['', before, 'v1.0.0'])
  const other = readFileSync(join(checkout, 'docs/production.md'), 'utf8')
  t.assert.strictEqual(other, NAMING['docs/production.md'])
})

for (const [circumstance, version, prepare, reason] of [
  ['of a version that is none', 'v1.1.0', [], /usage: npm run release/],
  ['of the last version', '1.0.0', [], /1\.0\.0 is not higher than the last release, 1\.0\.0/],
  ['that CHANGELOG.md does not have', '1.2.0', [], /does not begin with `## \[1\.2\.0\] - DATE`/],
  ['on another branch', '1.1.0', ['git', 'switch', '-c', 'topic'], /branch is topic, not main/],
  ['of a changed checkout', '1.1.0', ['cp', 'package.json', 'new'], /changes that are not committ/],
] as const) {
  test(`a release ${circumstance} is refused with the reason`, async (t: TestContext) => {
    const { release, run, checks } = await makeRepository(t)
    const [program, ...args] = prepare
    if (program) run(program, ...args)
    const { status, stderr } = release(version)
    t.assert.strictEqual(status, 1)
    t.assert.match(stderr, reason)
    t.assert.deepStrictEqual([checks(), run('git', 'tag').stdout], ['', 'v1.0.0'])
  })
}

test('a release lists every reason at once: no date, entries that are not released, another validated commit', async (t: TestContext) => {
  const text = CHANGELOG.replace(' - 2027-01-31', '').replace(
    'd]\n',
    'd]\n\n### Fixed\n\n- More.\n',
  )
  const { release } = await makeRepository(t, text)
  const { stderr } = release('1.1.0', '--validated', '1234567')
  t.assert.match(stderr, /only a release has a date/)
  t.assert.match(stderr, /entries below `## \[Unreleased\]`/)
  t.assert.match(stderr, /--validated names another commit/)
})
