import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = 'contract'
const NAME = /^gatehouse-(\d+\.\d+\.\d+)\.tgz$/

/** @returns the package of the last release, which `npm run release` commits, and its version */
export function lastRelease(): { file: string; version: string } {
  const found = readdirSync(FOLDER).flatMap((name) => {
    const version = NAME.exec(name)?.[1]
    return version === undefined ? [] : [{ file: join(FOLDER, name), version }]
  })
  const [release, ...others] = found
  if (!release || others.length > 0) throw new Error(`${FOLDER}/ has ${found.length} releases`)
  return release
}
