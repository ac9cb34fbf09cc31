import { resolve } from 'node:path'
import { before } from 'node:test'

/**
 * Loads test files into this process, one after the other. Their tests run when all are loaded:
 * what loads beside a test would disturb tests that observe the process, such as its queries.
 *
 * @param files paths of compiled test files
 */
export async function loadFiles(files: string[]): Promise<void> {
  const loading = load(files)
  before(() => loading)
  await loading
}

async function load(files: string[]): Promise<void> {
  for (const file of files) await import(resolve(file))
}
