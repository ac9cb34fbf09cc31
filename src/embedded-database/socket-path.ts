import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The kernel's limit, `sun_path` without its final NUL, is 107 bytes on Linux, 103 on macOS. */
const MAX_PATH_BYTES = 103

/**
 * Returns the path of the socket of a data folder: in that folder, or if that path is too long, in
 * a folder under the system's temporary folder.
 *
 * @throws Error if other users can access the temporary folder
 */
export function socketPath(data: string): string {
  const inside = join(data, 'server.sock')
  if (Buffer.byteLength(inside) <= MAX_PATH_BYTES) return inside
  const name = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `gatehouse-${name}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = lstatSync(folder)
  const isOurs = uid === process.getuid?.() && (mode & 0o077) === 0
  if (!isOurs) {
    throw new Error(`${folder} belongs to another user, or other users can access it.`)
  }
  return join(folder, 'server.sock')
}
