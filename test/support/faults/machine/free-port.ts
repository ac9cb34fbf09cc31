import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** @returns a port of the address that nothing listens on, and that its next caller does not get */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // what a TCP server returns
  server.close()
  await once(server, 'close')
  return port
}
