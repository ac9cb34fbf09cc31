// `npm run release -- 1.2.3`: checks the checkout, packs, freezes the contract, commits and tags. It pushes
// and publishes nothing.
// --dry-run           prints the steps
// --validated COMMIT  leaves out `npm run validate -- --long`, which has passed for this commit
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compareVersions, readChangelog } from './changelog.mjs'

const BRANCH = 'main'
/** The upgrade test finds the package of the last release here. */
const PACKAGES = 'contract'

const { values, positionals } = parseArgs({
  options: { 'dry-run': { type: 'boolean' }, validated: { type: 'string' } },
  allowPositionals: true,
})
const [version = ''] = positionals

const problems = findProblems()
if (problems.length > 0) {
  for (const problem of problems) console.error(`release: ${problem}`)
  process.exit(1)
}
const steps = stepsOf()
for (const step of steps) {
  console.log(step.join(' '))
  if (!values['dry-run']) run(step)
}
if (!values['dry-run']) console.log(`\nTo publish it: git push origin ${BRANCH} v${version}`)

/** @returns {string[]} why this checkout cannot be released as this version */
function findProblems() {
  if (!/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.test(version)) {
    return ['usage: npm run release -- 1.2.3 [--dry-run] [--validated COMMIT]']
  }
  /** @type {string[]} */
  const found = []
  const branch = git('branch', '--show-current')
  if (branch !== BRANCH) found.push(`the branch is ${branch}, not ${BRANCH}`)
  if (git('status', '--porcelain') !== '')
    found.push('the checkout has changes that are not committed')
  const tags = git('tag', '--list', 'v*')
    .split('\n')
    .map((tag) => tag.slice(1))
  const last = tags
    .filter((tag) => /^\d+\.\d+\.\d+$/.test(tag))
    .sort(compareVersions)
    .at(-1)
  if (last !== undefined && compareVersions(version, last) <= 0) {
    found.push(`${version} is not higher than the last release, ${last}`)
  }
  const head = git('rev-parse', 'HEAD')
  if (values.validated !== undefined && values.validated !== head) {
    found.push(`--validated names another commit than ${head}`)
  }
  return [...found, ...problemsOfChangelog()]
}

/** @returns {string[]} */
function problemsOfChangelog() {
  const { releases, problems } = readChangelog(readFileSync('CHANGELOG.md', 'utf8'))
  const found = problems.map((problem) => `CHANGELOG.md, ${problem}`)
  const [unreleased, newest] = releases
  if (newest?.version !== version) {
    found.push(
      `CHANGELOG.md does not begin with \`## [${version}] - DATE\` below \`## [Unreleased]\``,
    )
  }
  if (unreleased?.entries) found.push('CHANGELOG.md has entries below `## [Unreleased]`')
  return found
}

/** @returns {string[][]} the commands, in order */
function stepsOf() {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  /**
   * @param {string} name
   * @param {string[]} args
   */
  const script = (name, ...args) => (scripts[name] ? [['npm', 'run', name, ...args]] : [])
  const old = readdirSync(PACKAGES).filter(
    (name) => name.endsWith('.tgz') && name !== `gatehouse-${version}.tgz`,
  )
  return [
    // The version is in package.json, in files that name a release, and in the documents, which the server makes.
    ['npm', 'version', version, '--no-git-tag-version', '--allow-same-version'],
    ['node', 'scripts/set-version.mjs'],
    ...script('openapi'),
    ...script('contract:check'),
    ...(values.validated === undefined ? script('validate', '--', '--long') : []),
    ['npm', 'pack', '--pack-destination', PACKAGES],
    ...old.map((name) => ['git', 'rm', '--quiet', `${PACKAGES}/${name}`]),
    ...script('contract:freeze'),
    ['git', 'add', '--all'],
    ['git', 'commit', '--quiet', '--message', `Release ${version}`],
    ['git', 'tag', '--annotate', '--message', `Gatehouse ${version}`, `v${version}`],
  ]
}

/** @param {string[]} command */
function run([program = '', ...args]) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' })
  if (status === 0) return
  console.error(`release: ${[program, ...args].join(' ')} failed. Nothing is committed or tagged.`)
  console.error('To undo the steps before it: git reset --hard && git clean -d --force contract')
  process.exit(1)
}

/** @param {string[]} args */
function git(...args) {
  const { status, stdout, stderr } = spawnSync('git', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}
