import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { listenOnLoopback } from '../../process/listen-on-loopback.ts'
import type { DatabaseServer } from './database-server.ts'
import { type Behaviour, forwarding } from './link-behaviours.ts'
import { PacketReader } from './packets.ts'

export type FaultLink = Awaited<ReturnType<typeof createFaultLink>>

/**
 * Creates a proxy between a server and its database that reads the packets of the client, so that
 * a test can say what happens to each. It counts the connections.
 */
export async function createFaultLink(t: TestContext, target: DatabaseServer) {
  const connections = new Set<LinkConnection>()
  let behaviour: Behaviour = forwarding
  let attempts = 0
  let mostOpen = 0
  const proxy = createServer((client) => {
    attempts++
    if (behaviour.refuses) return void client.resetAndDestroy()
    const connection = new LinkConnection(client, target, () => behaviour)
    connections.add(connection)
    mostOpen = Math.max(mostOpen, connections.size)
    client.on('close', () => connections.delete(connection))
  })
  const port = await listenOnLoopback(proxy)
  const closeAll = () => {
    for (const connection of connections) connection.close()
  }
  t.after(() => {
    proxy.close()
    closeAll()
  })
  const url = (database?: string) => {
    const address = new URL(target.url(database))
    address.host = `127.0.0.1:${port}`
    return address.href
  }
  return {
    url: url(),
    urlOf: url,
    /** From now on, for open and for new connections. */
    behave(next: Behaviour): void {
      behaviour = next
    },
    closeAll,
    get attempts(): number {
      return attempts
    },
    get open(): number {
      return connections.size
    },
    /** How many connections have a packet that waits for its delay. */
    get busy(): number {
      return [...connections].filter(({ delayed }) => delayed > 0).length
    },
    get mostOpen(): number {
      return mostOpen
    },
  }
}

class LinkConnection {
  /** Packets of the client that wait for their delay. */
  delayed = 0
  readonly #client: Socket
  readonly #server: Socket
  readonly #behaviour: () => Behaviour
  readonly #packets = new PacketReader()
  /** What was swallowed is missing for ever, so a connection that has swallowed stays silent. */
  #isSilent = false

  constructor(client: Socket, target: DatabaseServer, behaviour: () => Behaviour) {
    this.#client = client
    this.#behaviour = behaviour
    this.#server = connect(target.port, target.host)
    for (const socket of [client, this.#server]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => this.close())
    }
    client.on('data', (chunk: Buffer) => this.#forward(chunk))
    this.#server.on('data', (chunk: Buffer) => this.#answer(chunk))
  }

  close(): void {
    this.#client.destroy()
    this.#server.destroy()
  }

  #answer(chunk: Buffer): void {
    if (this.#behaviour().swallowsAnswers) this.#isSilent = true
    if (!this.#isSilent) this.#client.write(chunk)
  }

  #forward(chunk: Buffer): void {
    for (const packet of this.#packets.read(chunk)) {
      const { decide, delayMs } = this.#behaviour()
      const verdict = decide(packet)
      if (verdict === 'swallow') this.#isSilent = true
      if (this.#isSilent) return
      if (verdict === 'cut') this.close()
      else if (verdict instanceof Buffer) this.#client.write(verdict)
      else if (delayMs === 0) this.#server.write(packet.bytes)
      else this.#forwardLater(packet.bytes, delayMs)
    }
  }

  #forwardLater(bytes: Buffer, delayMs: number): void {
    this.delayed++
    setTimeout(() => {
      this.delayed--
      this.#server.write(bytes)
    }, delayMs)
  }
}
