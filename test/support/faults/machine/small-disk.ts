import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { undoAtExit } from './at-exit.ts'

const SIZE = '160m'

/**
 * Mounts a small disk, which is unmounted at the exit of the process.
 *
 * @returns undefined where the machine does not allow it
 */
export async function mountSmallDisk() {
  const mountPoint = await mkdtemp(join(tmpdir(), 'gatehouse-faults-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', mountPoint], {
      stdio: 'ignore',
    })
  } catch {
    rmSync(mountPoint, { recursive: true })
    return undefined
  }
  const unmount = undoAtExit(() => {
    execFileSync('umount', ['--lazy', mountPoint])
    rmSync(mountPoint, { recursive: true })
  })
  const filler = join(mountPoint, 'filler')
  return {
    folder: join(mountPoint, 'database'),
    unmount,
    /** Leaves no space. */
    fill(): void {
      const { bavail, bsize } = statfsSync(mountPoint)
      writeFileSync(filler, Buffer.alloc(Number(bavail) * Number(bsize)))
    },
    clear: () => rmSync(filler),
  }
}
