// A process that has something open which never closes.
import { Shutdown } from '../../../src/process/shutdown.ts'

const shutdown = new Shutdown({ onSignal: 0 })
setInterval(() => undefined, 1_000) // keeps the process alive
shutdown.onClose(() => new Promise(() => undefined))
console.log('open')
