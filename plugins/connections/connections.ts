import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { abortWithoutStacks } from './aborts.ts'
import { Admission } from './admission.ts'
import { Connection, connectionOf, type Exchange } from './connection.ts'
import { Pipeline } from './pipeline.ts'

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections
  }
}

export interface DrainOptions {
  /**
   * How long the server still accepts connections, without answering them. Clients that wait for a
   * response open no more connections, so the accept queue is empty when the server stops listening.
   * The system would reset what is left in it.
   */
  quietMs: number
  /** After this time without a request, a connection is closed. */
  idleMs: number
}

/** After this time, connections are closed whether their requests are answered or not. */
const DRAIN_LIMIT_MS = 6_000
const SWEEP_MS = 25
/** Long enough to receive the rest of a request's headers. */
const IDLE_MS = 100

/**
 * Decorates `connections`: the open connections of clients. It limits pipelined requests, and closes
 * the connections before the server, which would otherwise wait for clients.
 */
export default fp(
  async (app) => {
    const connections = new Connections(app)
    app.decorate('connections', connections)
    // Before the server's own `close`, which no longer enforces its timeouts.
    app.addHook('preClose', () => connections.drain({ quietMs: 0, idleMs: IDLE_MS }))
  },
  { name: 'connections' },
)

export class Connections {
  readonly #app: FastifyInstance
  readonly #open = new Set<Connection>()
  readonly #pipeline: Pipeline
  readonly #admission = new Admission()
  readonly #dispatch: (request: IncomingMessage, response: ServerResponse) => void
  #draining: Promise<void> | undefined
  /** Requests that wait until the server accepts no more connections. */
  #waiting: Exchange[] | undefined

  constructor(app: FastifyInstance) {
    this.#app = app
    const { server } = app
    const [handler] = server.listeners('request') // that of Fastify
    if (!handler) throw new Error('the server has no request listener')
    this.#dispatch = (request, response) => Reflect.apply(handler, server, [request, response])
    this.#pipeline = new Pipeline(
      ({ request, response }) => this.#dispatch(request, response),
      () => this.#admission.slowDown(() => this.#unread()),
      ({ socket }) => this.#admission.pauseUntilTurn(socket),
    )
    // By default, Node drops the headers beyond 1,000, such as the address that a proxy has appended. The limit of
    // their size bounds their count.
    server.maxHeadersCount = 0
    server.removeAllListeners('request')
    server.on('request', this.#receive)
    server.on('connection', (socket) => {
      abortWithoutStacks(socket)
      const connection = new Connection(socket)
      this.#open.add(connection)
      this.#admission.admit(socket)
      connection.onClose(() => this.#open.delete(connection))
    })
  }

  /** Whether the server is shutting down. */
  get isDraining(): boolean {
    return this.#draining !== undefined
  }

  /**
   * Ends all connections: those with requests after the response, the others when they are idle.
   * From now on each response has `connection: close`.
   *
   * @returns once all connections are closed, after six seconds at most
   */
  drain(options: DrainOptions): Promise<void> {
    this.#draining ??= this.#drain(options)
    return this.#draining
  }

  readonly #receive = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = connectionOf(request.socket)
    if (!connection) this.#dispatch(request, response)
    else if (connection.isEnding) this.#pipeline.drop(connection)
    else {
      if (this.#draining) connection.endAfter(response)
      // Node assigns the socket when all earlier responses are sent.
      if (response.socket === null) this.#pipeline.hold(connection, { request, response })
      else {
        connection.begin(response)
        if (this.#waiting) this.#waiting.push({ request, response })
        else this.#dispatch(request, response)
      }
    }
  }

  async #drain({ quietMs, idleMs }: DrainOptions): Promise<void> {
    const { server, log } = this.#app
    const deadline = performance.now() + DRAIN_LIMIT_MS
    for (const connection of this.#open) {
      if (connection.newest && !connection.isIdle) connection.endAfter(connection.newest)
    }
    if (!server.listening) return
    this.#waiting = []
    await sleep(quietMs)
    // Not the close of HTTP, which would cut off responses that are not completely sent.
    Reflect.apply(NetServer.prototype.close, server, [])
    await sleep(quietMs / 2) // other workers that share the port close it meanwhile
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const { request, response } of waiting) this.#dispatch(request, response)
    while (this.#open.size > 0 && performance.now() < deadline) {
      this.#closeIdle(performance.now() - idleMs)
      await sleep(SWEEP_MS)
    }
    if (this.#open.size === 0) return
    const unanswered = [...this.#open].filter(({ isIdle }) => !isIdle).length
    log.warn({ connections: this.#open.size, unanswered }, 'Connections were closed by force')
    for (const { socket } of this.#open) socket.destroy()
  }

  #unread(): Socket[] {
    return [...this.#open].filter(({ newest }) => !newest).map(({ socket }) => socket)
  }

  /** @param before in ms: the last time a connection may have been busy */
  #closeIdle(before: number): void {
    for (const connection of this.#open) {
      if (!connection.isIdle) connection.idleSince = undefined
      else {
        connection.idleSince ??= performance.now()
        if (connection.idleSince <= before) connection.socket.destroy()
      }
    }
  }
}
