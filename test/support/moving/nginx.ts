import { readFileSync } from 'node:fs'
import { cp, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { makeFolder } from '../process/folder.ts'
import { freePort } from '../process/free-port.ts'
import { count, spawnNginx } from '../process/nginx.ts'
import { until } from '../until.ts'

const WORKERS = 2
const EXAMPLE = resolve('examples/moving-from-flask/nginx')

export type Phase = '1-old' | '2-reads' | '3-paused' | '4-new'

/** Runs nginx with the files of the example, in which only the addresses are replaced. */
export async function startNginx(t: TestContext, ports: { flask: number; gatehouse: number }) {
  const folder = await makeFolder(t)
  const site = join(folder, 'moving')
  const port = await freePort()
  await cp(EXAMPLE, site, { recursive: true })
  await writeFile(join(site, 'site.conf'), withPorts({ ...ports, nginx: port }))
  const link = (phase: Phase) => symlink(`phases/${phase}.conf`, join(site, 'phase.conf'))
  await link('1-old')

  const { child, log } = await spawnNginx(t, folder, 'include moving/site.conf;', WORKERS)
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
