import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { findRedisBinary } from '../../../scripts/server-binary.mjs'
import { freePort } from './free-port.ts'

export const redisBinary = findRedisBinary()

/** A Redis server of the test's own, on a free port of the loopback. */
export async function startRedis() {
  const port = await freePort()
  const server = spawn(
    redisBinary ?? '',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { argv0: 'redis-server', stdio: ['ignore', 'pipe', 'ignore'] },
  )
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('Ready to accept connections')) break
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    /** From now on it takes connections and answers nothing, until it is resumed. */
    suspend: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
    },
  }
}
