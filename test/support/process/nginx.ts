import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { findNginxBinary } from '../../../scripts/server-binary.mjs'
import { until } from '../until.ts'

/** For the options of tests that run nginx. */
export const needsNginx = { skip: findNginxBinary() ? false : 'no nginx' }

/** What Debian's nginx.conf does around the sites, for a process without privileges. */
const outer = (sites: string, workers: number) => `
worker_processes ${workers};
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
  ${sites}
}
`

/**
 * Runs nginx until the test ends.
 *
 * @param folder for its files, which the sites can name by relative paths
 * @param sites the content of `http`
 */
export async function spawnNginx(t: TestContext, folder: string, sites: string, workers = 1) {
  await mkdir(join(folder, 'tmp'))
  await writeFile(join(folder, 'nginx.conf'), outer(sites, workers))
  await writeFile(join(folder, 'error.log'), '')
  const options = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]
  const child = spawn(findNginxBinary() ?? '', [...options, '-g', 'daemon off;'], {
    stdio: 'inherit',
  })
  t.after(() => stop(child))
  const log = () => readFileSync(join(folder, 'error.log'), 'utf8')
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`nginx exited:\n${log()}`)
      return count(log(), /start worker process \d/g) === workers
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
