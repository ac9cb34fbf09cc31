import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after } from 'node:test'
import { listenTo } from './installation.ts'

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
  return listenTo(child).until(/listening at (http:[^"]+)/)
}
