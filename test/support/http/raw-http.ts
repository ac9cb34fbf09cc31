import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { App } from './build.ts'

/** The interim response that permits the body. */
const INTERIM = 'HTTP/1.1 100 Continue\r\n\r\n'
/** Far longer than a busy machine takes: only a server that never answers reaches it. */
const ANSWER_TIMEOUT_MS = 30_000

/** Lets the server listen on a free port of the loopback. */
export async function listen(app: App): Promise<number> {
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
}

/**
 * Sends raw bytes, which an HTTP client would not.
 *
 * @returns the answer, once the server has closed the connection
 * @throws Error if the connection is reset, or if the server is silent for 30 s
 */
export async function exchange(port: number, bytes: Buffer) {
  const { write, answer } = await openRaw(port)
  write(bytes)
  return answer
}

/** The same in steps: call `write` any number of times, then await `answer`. */
export async function openRaw(port: number) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer within 30 s')))
  return {
    write: (bytes: Buffer | string) => void socket.write(bytes),
    close: () => void socket.destroy(),
    answer: read(),
  }

  async function read() {
    const text = (await buffer(socket)).toString('latin1').replace(INTERIM, '')
    const headEnd = text.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.split(': ', 1)[0]?.toLowerCase(), line.replace(/^[^:]*: /, '')]),
    )
    const statusCode = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
    return { statusCode, headers, body: text.slice(headEnd + 4) }
  }
}
