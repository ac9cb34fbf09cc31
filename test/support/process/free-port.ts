import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** @returns a port of the loopback that was free just now */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // what a server on a port has
  server.close()
  await once(server, 'close')
  return port
}
