import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findCaddyBinary, findNginxBinary, findProgram } from '../../../scripts/server-binary.mjs'
import type { Prepare } from './site.ts'

const openssl = findProgram('openssl')

/** What nginx.conf of Debian has around the file, for a process without privileges. */
const OUTER = `
worker_processes 2;
worker_rlimit_nofile 8192;
pid nginx.pid;
daemon off;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_buffer_size 64k; # no file: the workers may be another user
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  include site.conf;
}
`

/** Runs nginx with the file of the example, in which only the marked values are replaced. */
const prepareNginx: Prepare = async ({ folder, port, gatehouse, service, certificate, key }) => {
  const example = await readFile('examples/verify/nginx.conf', 'utf8')
  const site = replaceAll(example, {
    'listen 443 ssl;': `listen 127.0.0.1:${port} ssl;`,
    '127.0.0.1:3000;': `127.0.0.1:${gatehouse};`,
    '127.0.0.1:8080;': `127.0.0.1:${service};`,
    '/etc/ssl/certs/app.example.pem': certificate,
    '/etc/ssl/private/app.example.key': key,
  })
  await mkdir(join(folder, 'tmp'))
  await writeFile(join(folder, 'nginx.conf'), OUTER)
  await writeFile(join(folder, 'site.conf'), site)
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']
  return { command: findNginxBinary() ?? '', args }
}

/** Runs Caddy with the file of the example, in which only the marked values are replaced. */
const prepareCaddy: Prepare = async ({ folder, port, gatehouse, service, certificate, key }) => {
  const example = await readFile('examples/verify/Caddyfile', 'utf8')
  const site = replaceAll(example, {
    'https://app.example {': `https://127.0.0.1:${port} {`,
    '127.0.0.1:3000': `127.0.0.1:${gatehouse}`,
    '127.0.0.1:8080': `127.0.0.1:${service}`,
    '/etc/ssl/certs/app.example.pem': certificate,
    '/etc/ssl/private/app.example.key': key,
  })
  const file = join(folder, 'Caddyfile')
  await writeFile(file, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`)
  const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const args = ['run', '--config', file, '--adapter', 'caddyfile']
  return { command: findCaddyBinary() ?? '', args, env }
}

export const nginx = {
  name: 'nginx',
  prepare: prepareNginx,
  /** The status while Gatehouse does not respond. */
  unavailable: 503,
  /** The status after Gatehouse has not responded in time. */
  hung: 503,
  skip: findNginxBinary() && openssl ? false : 'no nginx or no openssl',
}

export const caddy = {
  name: 'Caddy',
  prepare: prepareCaddy,
  unavailable: 502,
  hung: 504,
  skip: findCaddyBinary() && openssl ? false : 'no Caddy or no openssl',
}

/** @throws Error if the text lacks one of the old values */
function replaceAll(text: string, values: Record<string, string>): string {
  return Object.entries(values).reduce((replaced, [old, value]) => {
    if (!text.includes(old)) throw new Error(`the example lacks ${old}`)
    return replaced.replaceAll(old, value)
  }, text)
}
