import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { makeFolder } from '../support/process/folder.ts'

const SCRIPT = resolve('scripts/audit.mjs')
const EXCEPTIONS = 'scripts/audit-exceptions.json'
const ADVISORY = 'GHSA-aaaa-bbbb-cccc'
const NAME = 'vulnerable'

test('a known vulnerability of a production package is refused, and passes with a reason', async (t: TestContext) => {
  const registry = await startRegistry(t, answerAudit)
  const refused = await audit(t, { registry })
  t.assert.strictEqual(refused.code, 1)
  t.assert.match(
    refused.output,
    /^npm audit: vulnerable <2\.0\.0: high: It leaks https:\S+\/GHSA-aaaa-bbbb-cccc\n$/,
  )
  const reason = 'The function is not called.'
  t.assert.deepStrictEqual(await audit(t, { registry, exceptions: { [ADVISORY]: reason } }), {
    code: 0,
    output: `npm audit: no known vulnerability, except ${NAME} ${ADVISORY}: ${reason}\n`,
  })
})

test('a known vulnerability of a package for development passes', async (t: TestContext) => {
  const registry = await startRegistry(t, answerAudit)
  t.assert.deepStrictEqual(await audit(t, { registry, dev: true }), {
    code: 0,
    output: 'npm audit: no known vulnerability\n',
  })
})

test('an exception without a reason, or for an advisory that concerns no package, is refused', async (t: TestContext) => {
  const registry = await startRegistry(t, answerAudit)
  const unused = { [ADVISORY]: ' ', 'GHSA-old': 'The reason of last year.' }
  const { code, output } = await audit(t, { registry, exceptions: unused })
  t.assert.strictEqual(code, 1)
  t.assert.match(
    output,
    /GHSA-old concerns no package any more: remove it\n.*GHSA-aaaa-bbbb-cccc has no reason\n$/,
  )
})

test('an audit without a registry, or with one that refuses audits, reports that nothing was checked and passes', async (t: TestContext) => {
  const refusing = await startRegistry(t, (_request, response) => response.writeHead(405).end())
  const closed = await startRegistry(t, () => {}, { isOpen: false })
  for (const registry of [refusing, closed]) {
    const { code, output } = await audit(t, { registry })
    t.assert.strictEqual(code, 0, output)
    t.assert.match(output, /^npm audit: NOT CHECKED, the registry did not answer: \S/)
  }
})

test('an audit without a lock file is refused', async (t: TestContext) => {
  const registry = await startRegistry(t, answerAudit)
  const { code, output } = await audit(t, { registry, isLocked: false })
  t.assert.strictEqual(code, 1)
  t.assert.match(output, /requires an existing lockfile/)
})

test('every exception of this repository names an advisory and has a reason', (t: TestContext) => {
  const exceptions: Record<string, string> = JSON.parse(readFileSync(EXCEPTIONS, 'utf8'))
  for (const [id, reason] of Object.entries(exceptions)) {
    t.assert.match(id, /^GHSA(-[0-9a-z]{4}){3}$/)
    t.assert.match(reason, /\w+ \w+/)
  }
})

interface Project {
  registry: string
  exceptions?: Record<string, string>
  dev?: boolean
  isLocked?: boolean
}

/** Runs the script in a project that depends on one vulnerable package. */
async function audit(t: TestContext, { registry, exceptions = {}, dev, isLocked = true }: Project) {
  const folder = await makeFolder(t)
  const needs = { [dev ? 'devDependencies' : 'dependencies']: { [NAME]: '^1.0.0' } }
  const manifest = { name: 'project', version: '1.0.0', ...needs }
  const locked = { version: '1.0.0', ...(dev ? { dev } : {}) }
  const packages = { '': manifest, [`node_modules/${NAME}`]: locked }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const lock = { name: 'project', version: '1.0.0', lockfileVersion: 3, requires: true, packages }
  if (isLocked) writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  mkdirSync(join(folder, 'scripts'))
  writeFileSync(join(folder, EXCEPTIONS), JSON.stringify(exceptions))
  // An asynchronous child: the registry answers from this process.
  const child = spawn(process.execPath, [SCRIPT], {
    cwd: folder,
    env: {
      ...process.env,
      npm_config_registry: registry,
      npm_config_noproxy: '127.0.0.1',
      npm_config_cache: join(folder, 'cache'),
    },
  })
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, output: output + errors }
}

/** The two requests of `npm audit`: for the advisories, and for all versions of a package that has one. */
const answerAudit: RequestListener = (request, response) => {
  request.resume()
  response.setHeader('content-type', 'application/json')
  if (request.method === 'GET') {
    const versions = { '1.0.0': { name: NAME, version: '1.0.0' } }
    response.end(JSON.stringify({ name: NAME, 'dist-tags': { latest: '1.0.0' }, versions }))
    return
  }
  const url = `https://github.com/advisories/${ADVISORY}`
  const advisory = {
    id: 1,
    url,
    title: 'It leaks',
    severity: 'high',
    vulnerable_versions: '<2.0.0',
  }
  response.end(JSON.stringify({ [NAME]: [advisory] }))
}

/** @returns its URL */
async function startRegistry(t: TestContext, answer: RequestListener, { isOpen = true } = {}) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  if (isOpen) t.after(close)
  else await close()
  return `http://127.0.0.1:${port}/`
}
