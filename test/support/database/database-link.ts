import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { listenOnLoopback } from '../process/listen-on-loopback.ts'

/**
 * Creates a proxy between the server and its database that a test can cut and restore.
 *
 * @param databaseUrl of the database itself
 * @returns the URL of the proxy, and functions that control it
 */
export async function createDatabaseLink(databaseUrl: string) {
  const target = new URL(databaseUrl)
  const socketPath = target.searchParams.get('socketPath')
  const sockets = new Set<Socket>()
  let isStalled = false
  let isRefusing = false
  let attempts = 0
  let mute: string | undefined
  let reset: string | undefined
  let delayMs = 0
  const link = createServer((client) => {
    attempts++
    if (isRefusing) {
      client.destroy()
      return
    }
    const upstream = socketPath
      ? connect(socketPath)
      : connect(Number(target.port || 3306), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (mute !== undefined && bytes.includes(mute)) upstream.unpipe()
      if (reset !== undefined && bytes.includes(reset)) client.resetAndDestroy()
    })
    if (isStalled) return
    client.pipe(upstream)
    if (delayMs === 0) upstream.pipe(client)
    else upstream.on('data', (bytes) => setTimeout(() => client.write(bytes), delayMs))
  })

  const listen = async (port: number) => {
    link.listen(port, '127.0.0.1')
    await once(link, 'listening')
  }
  const port = await listenOnLoopback(link)

  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  url.searchParams.delete('socketPath')
  return {
    url: url.href,
    /** How many connections were opened, refused ones included. */
    attempts: () => attempts,
    /** Closes all connections and refuses new ones. */
    async cut() {
      if (!link.listening) return
      const closed = once(link, 'close')
      link.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    mend: () => listen(port),
    /** Closes all connections, and each new one at once. */
    refuse() {
      isRefusing = true
      for (const socket of sockets) socket.destroy()
    },
    accept() {
      isRefusing = false
    },
    /** Stops forwarding data, of open and new connections, without closing them. */
    stall() {
      isStalled = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    /** Delays each answer on new connections. */
    delay(ms: number) {
      delayMs = ms
    },
    /** Passes the statement on, but nothing that the database sends on that connection afterwards. */
    muteAfter(statement: string) {
      mute = statement
    },
    /** Passes the statement on, and resets the connection to the server. */
    resetAfter(statement: string) {
      reset = statement
    },
    /** Closes the stalled connections, and forwards data of new ones again. */
    resume() {
      isStalled = false
      mute = undefined
      reset = undefined
      for (const socket of sockets) socket.destroy()
    },
  }
}
