import { spawn } from 'node:child_process'
import { fstatSync } from 'node:fs'

const STANDARD_OUTPUT = 1

/**
 * Watches whether a program still reads standard output. Node only notices at the next write that a
 * pipe has no reader. `tail` of GNU polls the pipe: SIGPIPE ends it within a second or two after the
 * reader has exited. Where there is no such `tail`, the next write finds out.
 *
 * @param onGone called once, when the reader has exited
 * @returns a function that ends the watch
 */
export function watchReader(onGone: () => void): () => void {
  if (!fstatSync(STANDARD_OUTPUT).isFIFO()) return () => undefined
  // It ends with this process, so that it never keeps the pipe open for longer.
  const tail = spawn('tail', [`--pid=${process.pid}`, '-f', '/dev/null'], {
    stdio: ['ignore', 'inherit', 'ignore'],
  })
  tail.on('error', () => undefined)
  tail.on('exit', (_code, signal) => {
    if (signal === 'SIGPIPE') onGone()
  })
  return () => tail.kill()
}
