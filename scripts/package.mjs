// `npm pack` runs it before it packs: writes the package.json of the package, without what only the
// repository has, and npm-shrinkwrap.json with the versions that were tested. Without that file, an
// installation would get the newest versions, because npm packs no package-lock.json and obeys the
// `overrides` of a root package only. With --undo, restores the files.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const MANIFEST = 'package.json'
const SAVED = '.package.json.saved'
const SHRINKWRAP = 'npm-shrinkwrap.json'

undo()
if (!process.argv.includes('--undo')) {
  const { scripts: _, devDependencies: __, ...manifest } = read(MANIFEST)
  const { packages, ...lock } = read('package-lock.json')
  /** @type {[string, { dev?: true, devDependencies?: unknown }][]} */
  const entries = Object.entries(packages)
  const production = entries
    .filter(([, { dev }]) => !dev)
    .map(([path, { devDependencies: _, ...entry }]) => [path, entry])
  renameSync(MANIFEST, SAVED)
  write(MANIFEST, { ...manifest, scripts: { start: 'node dist/src/server.js' } })
  write(SHRINKWRAP, { ...lock, packages: Object.fromEntries(production) })
}

/** A run that was interrupted has left its files: beside the other files, npm would prefer them. */
function undo() {
  rmSync(SHRINKWRAP, { force: true })
  if (!existsSync(SAVED)) return
  // Git may have restored the manifest, which alone has these.
  if (read(MANIFEST).devDependencies) rmSync(SAVED)
  else renameSync(SAVED, MANIFEST)
}

/** @param {string} file */
function read(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/**
 * @param {string} file
 * @param {unknown} content
 */
function write(file, content) {
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`)
}
