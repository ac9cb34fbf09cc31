import { buffer } from 'node:stream/consumers'
import { read } from 'read'
import { createPasswords, type Passwords } from '../../plugins/passwords/passwords.ts'
import type { Config } from '../config/config.ts'

/**
 * Prompts for a new password twice, or reads it from standard input if that is not a terminal. It
 * is never an argument: other users see arguments in the list of processes, and shells store them.
 */
export async function readPassword(): Promise<string> {
  if (!process.stdin.isTTY) return onlyLine(await buffer(process.stdin))
  const password = await read({ prompt: 'Password: ', silent: true, output: process.stderr })
  const again = await read({ prompt: 'Again: ', silent: true, output: process.stderr })
  if (password !== again) throw new Error('The two passwords differ.')
  return password
}

/** @throws Error unless the bytes are one line of UTF-8, so that no password is changed silently */
function onlyLine(bytes: Buffer): string {
  let line: string
  try {
    line = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch {
    throw new Error('The password is not valid UTF-8.')
  }
  if (/[\r\n]/.test(line)) throw new Error('The password has more than one line.')
  return line
}

/**
 * @param concurrency how many passwords the command hashes at the same time
 * @returns the policy and the hashes of a command
 */
export function commandPasswords(config: Config, concurrency = 1): Promise<Passwords> {
  return createPasswords({
    cost: config.BCRYPT_COST,
    minLength: config.PASSWORD_MIN_LENGTH,
    queue: { concurrency, maxWaiting: 0 },
  })
}
