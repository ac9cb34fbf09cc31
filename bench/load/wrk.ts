import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Answers, Load, Request } from './types.ts'

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url))
/** Longer than a request can take, so that wrk counts no slow response as a failure. */
const TIMEOUT = '10s'

/**
 * @param program the path of wrk
 * @param cores a list for `taskset`
 */
export async function runWrk(
  program: string,
  url: string,
  { connections, seconds, requests, rate }: Load,
  cores: string | undefined,
): Promise<Answers> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-load-'))
  try {
    const file = join(folder, 'requests.lua')
    await writeFile(file, `return {${requests.map((each) => toLua(each, url)).join(',\n')}}\n`)
    const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', TIMEOUT, '-s', SCRIPT]
    const command = [program, ...options, url, '--', file, String(rate ?? 0)]
    const [name = '', ...args] = cores ? ['taskset', '-c', cores, ...command] : command
    const { stdout } = await promisify(execFile)(name, args)
    const line = stdout.split('\n').find((text) => text.startsWith('{'))
    if (!line) throw new Error(`wrk printed no result: ${stdout}`)
    return JSON.parse(line)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** @returns the bytes of a request as a Lua string; all of it is ASCII, where JSON's escapes are Lua's */
function toLua({ method, path, headers = {}, body = '' }: Request, url: string): string {
  const lines = Object.entries({
    host: new URL(url).host,
    ...headers,
    ...(body && { 'content-length': String(body.length) }),
  }).map(([name, value]) => `${name}: ${value}`)
  return JSON.stringify([`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n'))
}
