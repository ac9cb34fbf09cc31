import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { readCompose, serviceOf } from '../support/image/compose.ts'
import { makeFolder } from '../support/process/folder.ts'

const PATH = '.github/workflows/ci.yml'

/** The parts of a workflow that the tests read. */
interface Workflow {
  on: Record<string, unknown>
  permissions: Record<string, string>
  concurrency: { group: string }
  jobs: Record<'validate' | 'long' | 'database', Job>
}
interface Job {
  permissions?: unknown
  'timeout-minutes'?: number
  if: string
  strategy: { 'fail-fast': boolean; matrix: { node?: number[]; image?: string[] } }
  container: { image: string }
  services?: { db: { image: string; env: Record<string, string> } }
  env?: Record<string, string>
  steps: { uses?: string; run?: string; with?: Record<string, unknown> }[]
}

const text = readFileSync(PATH, 'utf8')
const workflow: Workflow = parse(text)
const { validate, long, database } = workflow.jobs
const jobs = Object.values(workflow.jobs)
const { engines, scripts } = JSON.parse(readFileSync('package.json', 'utf8'))

test('npm run lint:workflows finds a misspelled key and an unknown variable', async (t: TestContext) => {
  const folder = await makeFolder(t)
  mkdirSync(join(folder, dirname(PATH)), { recursive: true })
  const broken = text
    .replace('timeout-minutes:', 'timeout-minute:')
    .replace('matrix.node', 'matrix.nodes')
  writeFileSync(join(folder, PATH), broken)
  const { status, stdout } = spawnSync(scripts['lint:workflows'], {
    shell: true,
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${resolve('node_modules/.bin')}:${process.env.PATH}` },
  })
  t.assert.strictEqual(status, 1, stdout)
  t.assert.match(stdout, /^\S+ci\.yml:\d+:\d+ unexpected key "timeout-minute"/m)
  t.assert.match(stdout, /^\S+ci\.yml:\d+:\d+ property "nodes" is not defined/m)
})

test('every job has a time limit, only reads the code, and uses actions of a fixed major version', (t: TestContext) => {
  t.assert.deepStrictEqual(workflow.permissions, { contents: 'read' })
  t.assert.ok(workflow.concurrency.group)
  // `pull_request_target` would run the code of a fork with the privileges of this repository.
  t.assert.deepStrictEqual(Object.keys(workflow.on).toSorted(), [
    'pull_request',
    'push',
    'schedule',
    'workflow_dispatch',
  ])
  t.assert.doesNotMatch(text, /\bsecrets\b/)
  for (const { permissions, 'timeout-minutes': minutes, steps } of jobs) {
    t.assert.strictEqual(permissions, undefined)
    t.assert.ok(minutes && minutes <= 90)
    for (const { uses, with: options } of steps.filter(({ uses }) => uses)) {
      t.assert.match(uses ?? '', /^actions\/[a-z-]+@v\d+$/)
      t.assert.strictEqual(options?.['persist-credentials'], false)
    }
  }
})

test('the long tests run each night and by hand, the other jobs for each commit', (t: TestContext) => {
  const events = (job: Job) =>
    [...job.if.matchAll(/github\.event_name == '(\w+)'/g)].map(([, name]) => name)
  t.assert.deepStrictEqual(events(validate), ['push', 'pull_request'])
  t.assert.deepStrictEqual(events(database), ['push', 'pull_request'])
  t.assert.deepStrictEqual(events(long), ['schedule', 'workflow_dispatch'])
})

test('the commands of the jobs exist', (t: TestContext) => {
  const commands = jobs.flatMap(({ steps }) => steps.flatMap(({ run }) => run?.split(' && ') ?? []))
  const own = commands.filter((command) => !command.startsWith('apt-get '))
  t.assert.deepStrictEqual(own, ['.ci/run', 'npm run validate -- --long', 'npm test'])
  t.assert.ok(statSync('.ci/run').mode & 0o100)
  t.assert.ok(scripts.test && scripts.validate)
})

test('the versions of Node are the oldest of engines, that of the Dockerfile, and the even ones between', (t: TestContext) => {
  const major = (version: string) => Number(/\d+/.exec(version)?.[0])
  const [oldest, shipped] = [major(engines.node), major(baseImage())]
  const versions = validate.strategy.matrix.node ?? []
  const even = Array.from({ length: (shipped - oldest) / 2 + 1 }, (_, step) => oldest + 2 * step)
  t.assert.deepStrictEqual(versions, even)
  t.assert.deepStrictEqual(long.strategy.matrix.node, versions)
  for (const { container } of [validate, long]) {
    t.assert.match(container.image, /^node:\$\{\{ matrix\.node \}\}-bookworm$/)
  }
  t.assert.strictEqual(`${database.container.image}-slim`, baseImage())
})

test('the database servers are supported by docs/production.md, and one is that of compose.yaml', (t: TestContext) => {
  const docs = readFileSync('docs/production.md', 'utf8')
  const oldest = (name: string) =>
    new RegExp(`${name} (\\d+\\.\\d+) or newer`).exec(docs)?.[1] ?? ''
  const images = database.strategy.matrix.image ?? []
  t.assert.deepStrictEqual(images, ['mariadb:10.11', 'mysql:8.4', 'mysql:9'])
  t.assert.ok(images.includes(serviceOf(readCompose(), 'db').image))
  for (const image of images) {
    const [name, version = ''] = image.split(':')
    const supported = oldest(name === 'mysql' ? 'MySQL' : 'MariaDB')
    t.assert.match(supported, /\d/)
    t.assert.ok(version.localeCompare(supported, 'en', { numeric: true }) >= 0, image)
  }
})

test('TEST_DATABASE_URL names the service with its password', (t: TestContext) => {
  const url = new URL(database.env?.TEST_DATABASE_URL ?? '')
  t.assert.deepStrictEqual(Object.keys(database.services ?? {}), [url.hostname])
  t.assert.match(database.services?.db.image ?? '', /^\$\{\{ matrix\.image \}\}$/)
  t.assert.deepStrictEqual(database.services?.db.env, { MYSQL_ROOT_PASSWORD: url.password })
  t.assert.strictEqual(url.username, 'root')
})

function baseImage(): string {
  return /^FROM (\S+)/m.exec(readFileSync('Dockerfile', 'utf8'))?.[1] ?? ''
}
