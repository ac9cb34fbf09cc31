import type { Socket } from 'node:net'

/**
 * Makes it cheap to close a connection with many requests. When a connection closes, Node gives each request without
 * an answer an error of its own. The stacks of these errors list only functions of Node, and take 0.2 ms each: a
 * flood of pipelined requests whose connections closed at the same time blocked the process for a second.
 *
 * Node's own listener creates the errors. So the limit is 0 from a listener before it to one after it.
 */
export function abortWithoutStacks(socket: Socket): void {
  let limit: number
  socket.prependOnceListener('close', () => {
    limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
  })
  socket.once('close', () => {
    Error.stackTraceLimit = limit
  })
}
