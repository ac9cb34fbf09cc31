// A process that has something open which never closes.
import { Shutdown } from '../../../src/process/shutdown.ts'

const shutdown = new Shutdown({
  onSignal: 0,
  report: ({ exitCode, notClosed }) => console.log(exitCode, ...notClosed),
})
setInterval(() => undefined, 1_000) // keeps the process alive
shutdown.onClose(() => new Promise(() => undefined), { name: 'something stuck' })
console.log('open')
