import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../config/config.ts'

/**
 * Listens on the ports of the settings and stops at once. Without this check, each worker would report
 * the same error, and a private database would start in vain.
 *
 * @throws the error of `listen` if an address cannot be used
 */
export async function checkPort({
  HOST,
  PORT,
  METRICS_HOST,
  METRICS_PORT,
}: Pick<Config, 'HOST' | 'PORT'> &
  Partial<Pick<Config, 'METRICS_HOST' | 'METRICS_PORT'>>): Promise<void> {
  await tryToListen(HOST, PORT)
  if (METRICS_PORT === undefined) return
  try {
    await tryToListen(METRICS_HOST, METRICS_PORT)
  } catch (error) {
    if (error instanceof Error) Object.assign(error, { settings: 'METRICS_' })
    throw error
  }
}

async function tryToListen(host: string | undefined, port: number): Promise<void> {
  const server = createServer().listen(port, host)
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
