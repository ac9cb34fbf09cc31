import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { repeat } from '../../support/faults/clients/repeat.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange } from '../../support/faults/scene.ts'

const SOCKETS = 500
const READ_PAUSE_MS = 50
const DRIP_EVERY_MS = 1_000
/** The timeouts of the server, 10 s and 30 s, and the time until it checks them. */
const HEADERS_LIMIT_MS = 15_000
const BODY_LIMIT_MS = 36_000

test('F11 sockets that drip headers or bodies are closed by the timeouts, and others are unharmed', async (t: TestContext) => {
  const { database, server, client, observer } = await arrange(t)
  const { headers } = await signIn(database, 'user-0')
  const bodyHead =
    'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n'
  const dripping = await Promise.all([
    drip(t, server.port, 'GET /livez HTTP/1.1\r\nX: ', HEADERS_LIMIT_MS),
    drip(t, server.port, bodyHead, BODY_LIMIT_MS),
  ])
  const read = () => client.send({ kind: 'read', path: '/me', headers })
  const stopReading = repeat(t, READ_PAUSE_MS, read)
  const [afterHeaders, afterBody] = await Promise.all(dripping.map(({ closed }) => closed))
  await stopReading()

  const row = rowOf(`F11 ${SOCKETS} sockets drip headers, ${SOCKETS} a body`, observer)
  row.notes.push(`headers: closed after ${afterHeaders?.text}`, `body: ${afterBody?.text}`)
  for (const part of [afterHeaders, afterBody]) if (part?.problem) row.problems.push(part.problem)
  const refused = observer.seen('read').filter(({ status }) => status !== 200)
  if (refused.length > 0) row.problems.push(`${refused.length} reads of others are refused`)
  conclude(t, row)
})

/** Opens the sockets, and sends a byte on each every second. */
async function drip(t: TestContext, port: number, head: string, limitMs: number) {
  const sockets = Array.from({ length: SOCKETS }, () => connect(port, '127.0.0.1'))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  const closings = sockets.map((socket) => closingOf(socket))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const startedAt = performance.now()
  for (const socket of sockets) socket.write(head)
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('a')
  }, DRIP_EVERY_MS)
  const closed = Promise.race([Promise.all(closings), sleep(limitMs)]).then(() => {
    clearInterval(timer)
    const open = sockets.filter(({ destroyed }) => !destroyed).length
    const text = `${Math.round((performance.now() - startedAt) / 1_000)} s`
    return {
      text,
      problem: open > 0 ? `${open} dripping sockets are open after ${text}` : undefined,
    }
  })
  return { closed }
}

function closingOf(socket: Socket): Promise<void> {
  socket.resume()
  socket.on('error', () => undefined)
  socket.on('end', () => socket.destroy())
  return new Promise((done) => socket.on('close', () => done()))
}
