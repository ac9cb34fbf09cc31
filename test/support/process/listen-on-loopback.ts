import { once } from 'node:events'
import type { Server } from 'node:net'

/**
 * Lets a server, of TCP or HTTP, listen on a free port of the loopback.
 *
 * @param host an address of the loopback
 * @returns the port
 */
export async function listenOnLoopback(server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}
