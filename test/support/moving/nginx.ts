import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { findNginxBinary } from '../../../scripts/server-binary.mjs'
import { makeFolder } from '../process/folder.ts'
import { freePort } from '../process/free-port.ts'
import { until } from '../until.ts'

const EXAMPLE = resolve('examples/moving-from-flask/nginx')
const WORKERS = 2

export type Phase = '1-old' | '2-reads' | '3-paused' | '4-new'

/** For the options of tests that run nginx. */
export const needsNginx = { skip: findNginxBinary() ? false : 'no nginx' }

/** What Debian's nginx.conf does around the site, for a process without privileges. */
const OUTER = `
worker_processes ${WORKERS};
pid nginx.pid;
error_log error.log notice;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  include moving/site.conf;
}
`

/** Runs nginx with the files of the example, in which only the addresses are replaced. */
export async function startNginx(t: TestContext, ports: { flask: number; gatehouse: number }) {
  const folder = await makeFolder(t)
  const site = join(folder, 'moving')
  const port = await freePort()
  await cp(EXAMPLE, site, { recursive: true })
  await mkdir(join(folder, 'tmp'))
  await writeFile(join(folder, 'nginx.conf'), OUTER)
  await writeFile(join(folder, 'error.log'), '')
  await writeFile(join(site, 'site.conf'), withPorts({ ...ports, nginx: port }))
  const link = (phase: Phase) => symlink(`phases/${phase}.conf`, join(site, 'phase.conf'))
  await link('1-old')

  const options = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]
  const child = spawn(findNginxBinary() ?? '', [...options, '-g', 'daemon off;'], {
    stdio: 'inherit',
  })
  t.after(() => stop(child))
  const log = () => readFileSync(join(folder, 'error.log'), 'utf8')
  await until(
    () => count(log(), /start worker process \d/g) === WORKERS,
    () => `nginx did not start:\n${log()}`,
  )
  let reloads = 0
  return {
    url: `http://127.0.0.1:${port}`,
    log,
    /** @returns when all requests that came before have been answered */
    async switchTo(phase: Phase): Promise<void> {
      await rm(join(site, 'phase.conf'))
      await link(phase)
      child.kill('SIGHUP')
      reloads += 1
      await until(
        () => count(log(), /worker process \d+ exited with code 0/g) === WORKERS * reloads,
        () => `the workers of the phase before did not exit:\n${log()}`,
      )
    },
  }
}

function withPorts({ nginx, flask, gatehouse }: Record<'nginx' | 'flask' | 'gatehouse', number>) {
  const text = readFileSync(join(EXAMPLE, 'site.conf'), 'utf8')
  const replaced = text
    .replace('listen 443 ssl;', `listen 127.0.0.1:${nginx};`)
    .replace('server 127.0.0.1:5000;', `server 127.0.0.1:${flask};`)
    .replace('server 127.0.0.1:3000;', `server 127.0.0.1:${gatehouse};`)
  return replaced.replace(/^ *ssl_certificate.*\n/gm, '')
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
