import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { makeFolder } from '../process/folder.ts'
import { freePort } from '../process/free-port.ts'
import { spawnNginx } from '../process/nginx.ts'

const NGINX_WORKERS = 2
/** An address of the loopback that is not the one of nginx. */
const CLIENT = '127.0.0.5'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

export type Site = Awaited<ReturnType<typeof startSite>>

/**
 * Starts nginx with the files of deploy/nginx, in which only ports and the path of the log are replaced, and
 * with a certificate that the command of docs/production.md makes.
 *
 * @param instances the ports of the servers behind it
 */
export async function startSite(t: TestContext, instances: number[]) {
  const folder = await makeFolder(t)
  const ports = { http: await freePort(), https: await freePort() }
  await mkdir(join(folder, 'gatehouse'))
  await writeFile(join(folder, 'site.conf'), siteWith(ports))
  const servers = instances.map((port) => `server 127.0.0.1:${port};\n`)
  await writeFile(join(folder, 'gatehouse/upstream.conf'), servers.join(''))
  const ca = makeCertificate(folder)
  const { log } = await spawnNginx(t, folder, 'include site.conf;', NGINX_WORKERS)
  const agent = new Agent({ ca, keepAlive: true, localAddress: CLIENT })
  t.after(() => agent.destroy())

  return {
    client: CLIENT,
    log,
    accessLog: () => readFileSync(join(folder, 'access.log'), 'utf8'),
    httpUrl: `http://127.0.0.1:${ports.http}`,
    origin: `https://localhost:${ports.https}`,
    /** Sends a request through TLS, with the certificate verified. */
    async send(
      method: string,
      path: string,
      { headers = {}, body }: { headers?: Record<string, string>; body?: string } = {},
    ): Promise<Answer> {
      return await new Promise((resolve, reject) => {
        const json = body === undefined ? {} : { 'content-type': 'application/json' }
        const sent = request(`https://localhost:${ports.https}${path}`, {
          method,
          agent,
          family: 4,
          headers: { ...json, ...headers },
        })
        sent.on('error', reject)
        sent.on('response', (response) => {
          text(response).then(
            (all) =>
              resolve({ status: response.statusCode ?? 0, headers: response.headers, body: all }),
            reject,
          )
        })
        sent.end(body)
      })
    },
  }
}

function siteWith({ http, https }: { http: number; https: number }): string {
  return readFileSync('deploy/nginx/gatehouse.conf', 'utf8')
    .replace('listen 80;', `listen 127.0.0.1:${http};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${https} ssl;`)
    .replaceAll('/var/log/nginx/access.log', 'access.log')
}

/** @returns the certificate */
function makeCertificate(folder: string): string {
  const page = readFileSync('docs/production.md', 'utf8')
  const [command = ''] = /^mkdir -p deploy\/nginx\/tls\nopenssl req [^`]*/m.exec(page) ?? []
  const here = command.replaceAll('deploy/nginx/tls', 'gatehouse/tls')
  execFileSync('/bin/sh', ['-ec', here], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  return readFileSync(join(folder, 'gatehouse/tls/certificate.pem'), 'utf8')
}
