import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Scope {
  after(hook: () => Promise<void>): void
}

/** @returns an empty folder that goes after the test, or after the file for node:test's own `after` */
export async function makeFolder(t: Scope): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'gatehouse-test-')))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
