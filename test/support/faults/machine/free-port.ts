import { once } from 'node:events'
import { createServer } from 'node:net'
import { listenOnLoopback } from '../../process/listen-on-loopback.ts'

/** @returns a port of the address that nothing listens on, and that its next caller does not get */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer()
  const port = await listenOnLoopback(server, host)
  server.close()
  await once(server, 'close')
  return port
}
