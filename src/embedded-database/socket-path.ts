import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The kernel's `sun_path`, less its closing NUL: 108 bytes on Linux, 104 on macOS. */
const MAX_PATH_BYTES = 103

/**
 * Where the server of a data folder listens: in that folder, or if that makes the path too long,
 * in a folder of the same owner under the system's one for temporary files.
 *
 * @throws Error if somebody else made that folder
 */
export function socketPath(data: string): string {
  const inside = join(data, 'server.sock')
  if (Buffer.byteLength(inside) <= MAX_PATH_BYTES) return inside
  const name = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `gatehouse-${name}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(folder)
  const isOurs = uid === process.getuid?.() && (mode & 0o077) === 0
  if (!isOurs) throw new Error(`${folder} belongs to somebody else`)
  return join(folder, 'server.sock')
}
