import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pin } from '../machine.ts'
import type { Answers, Load } from './types.ts'

/** @param cores a list for `taskset` */
export async function runAutocannon(
  url: string,
  load: Load,
  cores: string | undefined,
): Promise<Answers> {
  const child = fork(fileURLToPath(new URL('autocannon-process.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  })
  pin(child.pid ?? 0, cores)
  await once(child, 'message') // the process is ready
  child.send({ url, ...load })
  const [answers] = (await once(child, 'message')) as [Answers] // as autocannon-process.ts sends it
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
  return answers
}
