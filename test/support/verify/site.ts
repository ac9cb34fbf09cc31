import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { createDatabase } from '../database/database.ts'
import { build } from '../http/build.ts'
import { listen } from '../http/raw-http.ts'
import { makeFolder } from '../process/folder.ts'
import { freePort } from '../process/free-port.ts'
import { until } from '../until.ts'

/** Where a proxy listens and what it stands before. */
export interface Place {
  folder: string
  port: number
  gatehouse: number
  service: number
  certificate: string
  key: string
}

/** Writes the configuration of a proxy. @returns its command */
export type Prepare = (place: Place) => Promise<{ command: string; args: string[]; env?: object }>

/** A request as the service has received it. */
interface Received {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
}

export type Site = Awaited<ReturnType<typeof startSite>>

/**
 * Starts Gatehouse, a service that returns what it has received, and a proxy before both.
 *
 * @param instead the port of a server in the place of Gatehouse
 */
export async function startSite(t: TestContext, prepare: Prepare, instead?: number) {
  const { app, log } = await build(t, {
    DATABASE_URL: await createDatabase(),
    TRUST_PROXY: '127.0.0.1',
    RATE_LIMIT_ENABLED: true,
    RATE_LIMIT_MAX: 100,
    MAX_EVENT_LOOP_DELAY_MS: 60_000, // the machine may be busy with other tests
    failing: true,
  })
  const folder = await makeFolder(t)
  const service = await startService(t)
  const [certificate, key] = [join(folder, 'site.pem'), join(folder, 'site.key')]
  await makeCertificate(certificate, key)
  const port = await freePort()
  const place = {
    folder,
    port,
    gatehouse: instead ?? (await listen(app)),
    service: service.port,
    certificate,
    key,
  }
  await startProxy(t, await prepare(place), port)
  const agent = new Agent({ rejectUnauthorized: false, keepAlive: true, maxSockets: 2_000 })
  t.after(() => agent.destroy())

  return {
    app,
    log,
    port,
    received: service.received,
    /** Sends a request to the proxy, with the path as it is. */
    async send(
      path: string,
      headers: Record<string, string | string[]> = {},
      { method = 'GET', body = '', from = '127.0.0.1' } = {},
    ) {
      const address = { host: '127.0.0.1', port, localAddress: from }
      const sent = request({ ...address, agent, path, method, headers })
      sent.end(body)
      const [response] = await once(sent, 'response')
      const answer = await text(response)
      const passed = response.headers['x-service'] === 'reached'
      const received: Received | undefined =
        passed && method !== 'HEAD' ? JSON.parse(answer) : undefined
      return { status: Number(response.statusCode), headers: response.headers, passed, received }
    },
  }
}

async function startService(t: TestContext) {
  const received: Received[] = []
  const server = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const request = { method, url, headers, body: await text(incoming) }
    received.push(request)
    response.setHeader('x-service', 'reached')
    response.end(JSON.stringify(request))
  })
  server.maxHeadersCount = 0 // as docs/verify.md advises
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { received, port: (server.address() as AddressInfo).port } // what a TCP server returns
}

async function makeCertificate(certificate: string, key: string): Promise<void> {
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=app.example', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-out', certificate, '-keyout', key],
  ])
}

async function startProxy(
  t: TestContext,
  { command, args, env }: Awaited<ReturnType<Prepare>>,
  port: number,
): Promise<void> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  }
  t.after(async () => {
    if (output) t.diagnostic(output.slice(0, 2_000))
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  })
  const responds = () => {
    const sent = request({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false })
    sent.end()
    return once(sent, 'response').then(
      ([response]) => Boolean(response.resume()),
      () => false,
    )
  }
  await until(
    async () => child.exitCode !== null || (await responds()),
    () => `the proxy does not respond:\n${output}`,
  )
  if (child.exitCode !== null) throw new Error(`the proxy has exited:\n${output}`)
}
