import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { findNginxBinary, findProgram } from '../../../scripts/server-binary.mjs'
import { type BuildOptions, build } from '../http/build.ts'
import { listen } from '../http/raw-http.ts'
import { makeFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { spawnNginx } from './nginx.ts'

const run = promisify(execFile)

/** From which nginx connects to the server, unlike other clients of this machine. */
export const PROXY_ADDRESS = '127.0.0.3'

/** For the options of tests that run a server behind nginx with TLS. Only Linux has more than one loopback address. */
export const needsProxy = {
  skip:
    findNginxBinary() && findProgram('openssl') && process.platform === 'linux'
      ? false
      : 'no nginx, no openssl, or not Linux',
}

/** What docs/production.md requires of a proxy. */
export const GOOD_PROXY = `
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
`

/**
 * Starts the server and nginx with TLS in front of it.
 *
 * @param lines of the `location` of nginx
 * @returns the URL of nginx, and the file of its certificate, which no client trusts
 */
export async function startProxied(t: TestContext, options: BuildOptions, lines: string) {
  const { app, log } = await build(t, options)
  const port = await listen(app)
  return { ...(await startProxy(t, port, lines)), app, log }
}

/** Starts nginx with TLS in front of a port. */
export async function startProxy(t: TestContext, port: number, lines: string) {
  const folder = await makeFolder(t)
  const certificate = join(folder, 'certificate.pem')
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', join(folder, 'key.pem'), '-out', certificate, '-days', '2'],
    ...['-subj', '/CN=gatehouse test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
  ])
  const [tls, plain] = [await freePort(), await freePort()]
  const location = (path: string, target: string) => `
      location ${path} {
        proxy_pass ${target};
        proxy_bind ${PROXY_ADDRESS};
        ${lines}
      }`
  await spawnNginx(
    t,
    folder,
    `
    server {
      listen 127.0.0.1:${tls} ssl;
      ssl_certificate certificate.pem;
      ssl_certificate_key key.pem;
      ${location('/', `http://127.0.0.1:${port}`)}
      ${location('/auth/', `http://127.0.0.1:${port}/`)}
    }
    server {
      listen 127.0.0.1:${plain};
      return 301 https://127.0.0.1:${tls}$request_uri;
    }
    `,
  )
  return {
    url: `https://127.0.0.1:${tls}`,
    plainUrl: `http://127.0.0.1:${plain}`,
    certificate,
  }
}
