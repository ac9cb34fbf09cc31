import { execFileSync, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { findProgram } from '../../../scripts/server-binary.mjs'
import { exitCode, listenTo } from '../process/installation.ts'

/** What a container runtime does to a process, as far as this machine lets the test do it. */
export interface Limits {
  /** `user:group`, both as numbers. */
  user: string
  readOnly: boolean
}

export type Container = ReturnType<typeof createContainer>

/** Runs commands in the folder of an image, with its environment and nothing of the test's own. */
export function createContainer(
  folder: string,
  environment: Record<string, string>,
  { user, readOnly }: Limits,
) {
  const prefix = [...(readOnly ? READ_ONLY : []), ...asUser(user)]
  const start = (command: string[], more: Record<string, string> = {}) => {
    const [program = '', ...args] = [...prefix, ...command]
    const env = { PATH: process.env.PATH ?? '', ...environment, ...more }
    return spawn(program, args, { cwd: folder, env })
  }
  return {
    /** Starts a process that goes on. The caller ends it. */
    start(command: string[], more: Record<string, string> = {}) {
      const child = start(command, more)
      return { child, ...listenTo(child) }
    },
    /** Runs a command to its end. */
    async run(command: string[], more: Record<string, string> = {}) {
      const child = start(command, more)
      child.stdin.end()
      const [stdout, stderr, code] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        exitCode(child),
      ])
      return { code, stdout, stderr }
    },
  }
}

/** A mount namespace in which the file system of this machine is read-only. Needs root. */
const READ_ONLY = [
  'unshare',
  '--mount',
  '/bin/sh',
  '-c',
  'mount -o remount,ro,bind / && exec "$@"',
  'sh',
]

/** Another user without any privilege. Only root can become one. */
function asUser(user: string): string[] {
  if (process.getuid?.() !== 0) return []
  const [uid, gid] = user.split(':')
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
    '--inh-caps=-all',
  ]
}

/** @returns whether a process can have a read-only file system here */
export function canBeReadOnly(): boolean {
  if (process.getuid?.() !== 0 || !findProgram('setpriv')) return false
  const [program = '', ...args] = READ_ONLY
  try {
    execFileSync(program, [...args, 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
