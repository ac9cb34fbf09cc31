import type { Socket } from 'node:net'

/** How long new connections are read in turn after a client has sent too many requests. */
const SLOW_MS = 1_000

/**
 * While clients send too many pipelined requests, resumes one new or drained connection per iteration
 * of the event loop, in turn by address. Parsing the next chunk of a connection takes up to 10 ms and
 * cannot be interrupted, so 500 at once would block the server for seconds.
 */
export class Admission {
  #slowUntil = 0
  /** By address. The first entry is next. */
  readonly #paused = new Map<string, Socket[]>()

  /** @param unread the connections that have sent no request yet, which are paused */
  slowDown(unread: () => Socket[]): void {
    const now = performance.now()
    if (now > this.#slowUntil) for (const socket of unread()) this.pauseUntilTurn(socket)
    this.#slowUntil = now + SLOW_MS
  }

  admit(socket: Socket): void {
    if (this.#paused.size > 0 || performance.now() < this.#slowUntil) this.pauseUntilTurn(socket)
  }

  /** Pauses a connection, and resumes it when the ones before it have been resumed. */
  pauseUntilTurn(socket: Socket): void {
    socket.pause()
    const { remoteAddress = '' } = socket
    const sockets = this.#paused.get(remoteAddress)
    if (sockets) sockets.push(socket)
    else this.#paused.set(remoteAddress, [socket])
    if (this.#paused.size === 1 && !sockets) setImmediate(this.#resumeNext)
  }

  readonly #resumeNext = (): void => {
    const [next] = this.#paused
    if (!next) return
    const [address, sockets] = next
    sockets.shift()?.resume()
    this.#paused.delete(address)
    if (sockets.length > 0) this.#paused.set(address, sockets)
    if (this.#paused.size > 0) setImmediate(this.#resumeNext)
  }
}
