// A process that floods a server with pipelined requests, and prints what it got.
// Arguments: the port, connections, requests in all, seconds, and the headers of a request as JSON
// lists: each request takes the next one of its list.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FloodResult } from './floods.ts'

const TICK_MS = 50
const DRAIN_MS = 5_000
const STATUS_LINE = /HTTP\/1\.1 (\d{3})/g

const [port = '', connections = '', total = '', seconds = ''] = process.argv.slice(2)
const requests: string[] = JSON.parse(process.argv[6] ?? '[]')
const statuses: Record<string, number> = {}
let sent = 0
let answered = 0

const sockets = Array.from({ length: Number(connections) }, () => {
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    for (const [, status = ''] of chunk.toString('latin1').matchAll(STATUS_LINE)) {
      statuses[status] = (statuses[status] ?? 0) + 1
      answered++
    }
  })
  return socket
})
const ticks = Math.ceil((Number(seconds) * 1_000) / TICK_MS)
const startedAt = performance.now()
for (let tick = 1; tick <= ticks; tick++) {
  const due = Math.floor((Number(total) * tick) / ticks)
  const share = Math.ceil((due - sent) / sockets.length)
  for (const socket of sockets) {
    const many = Math.min(share, due - sent)
    // A socket that is full has sent its requests already, as far as it can.
    if (many <= 0 || !socket.writable) continue
    socket.write(Array.from({ length: many }, (_, index) => next(sent + index)).join(''))
    sent += many
  }
  await sleep(Math.max(0, startedAt + tick * TICK_MS - performance.now()))
}
const deadline = performance.now() + DRAIN_MS
while (answered < sent && sockets.some(({ destroyed }) => !destroyed)) {
  if (performance.now() > deadline) break
  await sleep(TICK_MS)
}
const result: FloodResult = { sent, answered, statuses }
console.log(JSON.stringify(result))
process.exit(0)

function next(index: number): string {
  return requests[index % requests.length] ?? ''
}
