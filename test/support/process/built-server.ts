import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const START_TIMEOUT_MS = 60_000

/**
 * Starts the result of `npm run build`. It runs until the file's tests have ended.
 *
 * @param program path of its entry point
 * @param cwd without a `.env`
 * @returns its URL
 */
export async function startBuiltServer(
  program: string,
  cwd: string,
  env: Record<string, string>,
): Promise<string> {
  const child = spawn(process.execPath, [program], { cwd, env })
  after(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk
    })
  }
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline && child.exitCode === null) {
    const found = /listening at (http:[^"]+)/.exec(said)?.[1]
    if (found) return found
    await sleep(50)
  }
  throw new Error(`the server does not listen: ${said}`)
}
