import { Worker } from 'node:worker_threads'

interface Target {
  host: string
  port: number
  path: string
  connections: number
}

/**
 * JavaScript as text, because tsx does not load TypeScript in a thread. If a response arrives in two
 * chunks, the second does not start with a status line and triggers no request.
 */
const PROGRAM = `
const { connect } = require('node:net')
const { workerData: { host, port, path, connections } } = require('node:worker_threads')
const request = 'GET ' + path + ' HTTP/1.1\\r\\nhost: ' + host + ':' + port + '\\r\\n\\r\\n'
for (let index = 0; index < connections; index++) {
  const socket = connect({ host, port, noDelay: true }).setEncoding('latin1')
  socket.on('connect', () => socket.write(request))
  socket.on('data', (chunk) => {
    if (chunk.startsWith('HTTP/1.1 200')) socket.write(request)
  })
}
`

/** Starts a thread that sends requests as fast as they are answered, until it is terminated. */
export function startLoad(target: Target): Worker {
  return new Worker(PROGRAM, { eval: true, workerData: target })
}
