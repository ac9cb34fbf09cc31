import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { findNginxBinary } from '../../../scripts/server-binary.mjs'
import { until } from '../until.ts'

export const NGINX_WORKERS = 2

/** For the options of tests that run nginx. */
export const needsNginx = { skip: findNginxBinary() ? false : 'no nginx' }

/** What Debian's nginx.conf does around a site, for a process without privileges. */
const outer = (site: string) => `
worker_processes ${NGINX_WORKERS};
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
  include ${site};
}
`

/**
 * Starts nginx in a folder, which is in the place of /etc/nginx, and stops it after the test.
 *
 * @param site the file of the site, relative to the folder
 */
export async function runNginx(t: TestContext, folder: string, site: string) {
  await mkdir(join(folder, 'tmp'))
  const [configuration, errors] = [join(folder, 'nginx.conf'), join(folder, 'error.log')]
  await writeFile(configuration, outer(site))
  await writeFile(errors, '')
  const options = ['-p', folder, '-c', configuration, '-e', errors, '-g', 'daemon off;']
  const child = spawn(findNginxBinary() ?? '', options, { stdio: 'inherit' })
  t.after(() => stop(child))
  const log = () => readFileSync(errors, 'utf8')
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`nginx exited:\n${log()}`)
      return count(log(), /start worker process \d/g) === NGINX_WORKERS
    },
    () => `nginx did not start:\n${log()}`,
  )
  return { child, log }
}

export function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
