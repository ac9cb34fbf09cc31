import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

const connections = new WeakMap<Duplex, Connection>()

/** What the server knows about one connection of a client. */
export class Connection {
  readonly socket: Socket
  /** The response to the newest request, which may still be incomplete. */
  newest: ServerResponse | undefined
  /** The response before it, if it was not yet sent when the newest request began. */
  #previous: ServerResponse | undefined
  /** No further request of this connection is served. */
  isEnding = false
  /** The parser has refused what the client sent; what follows is not read as HTTP. */
  isRefused = false
  /** Since when no request is being answered, in ms; undefined if that was not yet observed. */
  idleSince: number | undefined

  /** Pipelined requests that wait. */
  readonly held: Exchange[] = []
  /** Pipelined requests that were dispatched and are not yet answered. */
  running = 0
  /** Whether the connection stands in the pipeline's queue. */
  isQueued = false
  /** Whether it is not read until its waiting requests have started. */
  isPaused = false
  /** Pipelined requests that are never served. */
  dropped = 0

  readonly #closeListeners = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    connections.set(socket, this)
    socket.once('close', () => {
      for (const listener of this.#closeListeners) listener()
    })
  }

  /**
   * Calls a listener when the client closes the connection. One listener of the socket serves all
   * requests, because Node warns of more than ten.
   *
   * @returns a function that removes the listener
   */
  onClose(listener: () => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  begin(response: ServerResponse): void {
    this.#previous = this.newest?.writableFinished ? undefined : this.newest
    this.newest = response
  }

  get isIdle(): boolean {
    return this.newest === undefined || this.newest.writableFinished
  }

  /** Whether the response is sent, but the request is not complete: it gets no second response. */
  get isAnsweredEarly(): boolean {
    return this.newest?.writableFinished === true && !this.newest.req.complete
  }

  /**
   * Closes the connection after this response, with `connection: close` (RFC 9112 9.6). If the
   * headers are sent, the connection becomes idle instead.
   */
  endAfter(response: ServerResponse): void {
    this.isEnding = true
    response.shouldKeepAlive = false
  }

  /**
   * @returns the unfinished response to an earlier, complete request, which must be sent before
   * anything else. An incomplete request has none
   */
  pending(): ServerResponse | undefined {
    return [this.newest, this.#previous].find(
      (response) => response?.req.complete && !response.writableFinished,
    )
  }
}

/** @returns undefined for a connection of the second server that Fastify opens on `localhost` */
export function connectionOf(socket: Duplex): Connection | undefined {
  return connections.get(socket)
}
