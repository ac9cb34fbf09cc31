// Does with `npm pack` what "From the package" of docs/production.md says.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, type TestContext, test } from 'node:test'
import { createEmptyDatabase } from '../support/database/database.ts'
import { linksIn } from '../support/links.ts'
import { contentOf, pack, run, unpack } from '../support/package/package.ts'
import { makeFolder } from '../support/process/folder.ts'
import { listenTo } from '../support/process/installation.ts'

/** Both documents, the pages and the examples are more than half of it, and grow with each operation. */
const MAX_KB = 450
const VERSION: string = JSON.parse(await readFile('package.json', 'utf8')).version

/** What may be in the package. */
const KINDS = {
  'the compiled code': /^dist\/(db|plugins|routes|src)\/.*\.js$|^dist\/scripts\/[a-z-]+\.mjs$/,
  'its manifest': /^dist\/package\.json$/,
  migrations: /^dist\/db\/migrations\/(\d{4}_\w+\.sql|meta\/_journal\.json)$/,
  manifests: /^(package|npm-shrinkwrap)\.json$/,
  'the documents': /^openapi(-3\.0)?\.json$/,
  pages: /^docs\/(decisions\/)?[\w-]+\.md$/,
  'settings and files to deploy': /^\.env\.example$|^deploy\/(?!.*\.test\.|nginx\/tls\/)[\w./-]+$/,
  examples: /^examples\/(?!.*(\.test\.|node_modules))[\w./-]+$/,
  'load scripts': /^load\/[\w-]+\.(js|lua|md|mjs|sh)$/,
  'pages of the project':
    /^(README|CHANGELOG|CONTRIBUTING|SECURITY|THIRD-PARTY-LICENCES)\.md$|^LICENSE$/,
}
/** What pages may link to although only the repository has it: sources, tests, pictures, and files that set up a checkout. */
const OF_THE_REPOSITORY =
  /^(\.github|bench|contract|db|plugins|routes|scripts|src|test)(\/|$)|^(Dockerfile|compose\.yaml|\w+\.config\.ts|biome\.json)$|^docs\/[\w-]+\.png$/

const work = await makeFolder({ after })
const file = await pack(work)

test('npm pack takes the build, the migrations, the pages and the files to deploy, and nothing else', async (t: TestContext) => {
  const files = await contentOf(file)
  const kinds = Object.entries(KINDS)
  const unknown = files.filter((path) => !kinds.some(([, pattern]) => pattern.test(path)))
  t.assert.deepStrictEqual(unknown, [])
  for (const [kind, pattern] of kinds) {
    const count = files.filter((path) => pattern.test(path)).length
    t.diagnostic(`${kind}: ${count}`)
    t.assert.ok(count > 0, kind)
  }
  const own = (await readdir('db/migrations')).filter((name) => name.endsWith('.sql'))
  const packed = files.filter((path) => /^dist\/db\/.*\.sql$/.test(path))
  t.assert.strictEqual(packed.length, own.length)
  const kb = Math.ceil((await stat(file)).size / 1_000)
  t.diagnostic(`${files.length} files, ${kb} kB`)
  t.assert.ok(kb < MAX_KB, `${kb} kB`)
  const left = (await readdir(join(work, 'checkout'))).filter((name) =>
    /saved|shrinkwrap|tgz/.test(name),
  )
  t.assert.deepStrictEqual(left, [], 'npm pack leaves nothing in the checkout')
})

test('every link of the pages in the package leads to a file in it, except to what only the repository has', async (t: TestContext) => {
  const files = await contentOf(file)
  const has = (path: string) =>
    files.some((each) => each === path || each.startsWith(`${path.replace(/\/$/, '')}/`))
  const folder = await makeFolder(t)
  await unpack(file, folder)
  const links: { page: string; target: string }[] = []
  for (const page of files.filter((path) => path.endsWith('.md'))) {
    const targets = linksIn(await readFile(join(folder, page), 'utf8')).map((link) => {
      const [path = ''] = link.split('#')
      return path === '' ? page : join(dirname(page), path)
    })
    links.push(...targets.map((target) => ({ page, target })))
  }
  const missing = links.filter(({ target }) => !has(target))
  t.assert.deepStrictEqual(
    missing.filter(({ target }) => !OF_THE_REPOSITORY.test(target)),
    [],
  )
  t.diagnostic(`${links.length} links, ${missing.length} of them to files of the repository only`)
  t.assert.ok(links.length > 100)
})

test('the package, unpacked and installed, runs in an empty folder: it migrates, makes an admin, serves and stops', async (t: TestContext) => {
  const home = join(work, 'installation')
  await mkdir(home)
  await unpack(file, home)
  await run('npm', ['ci', '--omit=dev', '--no-fund'], home)
  const packages = await readdir(join(home, 'node_modules'))
  for (const name of ['typescript', 'tsx', 'drizzle-kit']) {
    t.assert.ok(!packages.includes(name), name)
  }
  const locked = JSON.parse(await readFile('package-lock.json', 'utf8')).packages
  const installed = JSON.parse(
    await readFile(join(home, 'node_modules/cookie/package.json'), 'utf8'),
  )
  t.assert.strictEqual(installed.version, locked['node_modules/cookie'].version)

  // A link, as npm makes for the command of a package.
  const folder = join(work, 'empty')
  await mkdir(folder)
  const bin = join(work, 'gatehouse')
  await symlink(join(home, 'dist/src/cli.js'), bin)
  const env = {
    PATH: process.env.PATH ?? '',
    NODE_ENV: 'production',
    DATABASE_URL: await createEmptyDatabase(),
    SESSION_SECRET: 'the secret of the package test of 32 characters or more',
    PORT: '0',
  }
  const start = (args: string[]) => spawn(bin, args, { cwd: folder, env })
  const succeed = async (args: string[], input = '') => {
    const child = start(args)
    child.stdin.end(input)
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    t.diagnostic(`gatehouse ${args.join(' ')}: ${stdout.trim()}`)
    t.assert.deepStrictEqual([child.exitCode, stderr], [0, ''], args.join(' '))
    return stdout
  }

  t.assert.strictEqual(await succeed(['--version']), `${VERSION}\n`)
  t.assert.match(await succeed(['migrate']), /^Migrations applied: \d+/)
  await succeed(['user', 'create', 'ada', '--role', 'admin'], 'brass wheels and cards\n')

  const server = start(['serve'])
  t.after(() => server.kill('SIGKILL'))
  const { until } = listenTo(server)
  const url = await until(/listening at (http:[^"]+)/)
  await until(new RegExp(`Gatehouse ${VERSION} is ready`))
  const answer = await fetch(url)
  const { name, version } = (await answer.json()) as { name?: unknown; version?: unknown }
  t.diagnostic(`GET /: ${answer.status} ${name} ${version}`)
  t.assert.deepStrictEqual([name, version], ['Gatehouse', VERSION])
  t.assert.strictEqual((await fetch(`${url}/readyz`)).status, 200)
  const login = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', password: 'brass wheels and cards' }),
  })
  t.assert.strictEqual(login.status, 200)

  const exited = once(server, 'exit')
  server.kill('SIGTERM')
  t.assert.deepStrictEqual(await exited, [0, null])
  t.assert.deepStrictEqual(await readdir(folder), [], 'nothing was written')
})
