// Writes the version of package.json into the files that name the package or the image of a release.
// Exits with 1 if one of them names none, and then writes nothing.
import { readFileSync, writeFileSync } from 'node:fs'

const FILES = [
  'deploy/kubernetes/migration.yaml',
  'deploy/kubernetes/server.yaml',
  'docs/production.md',
]
/** The image is `gatehouse:1.0.0`, the package `gatehouse-1.0.0.tgz`. */
const NAMED = /(?<=\bgatehouse[:-])\d+\.\d+\.\d+\b/g

/** @type {string} */
const version = JSON.parse(readFileSync('package.json', 'utf8')).version
const texts = FILES.map((file) => ({ file, text: readFileSync(file, 'utf8') }))
const without = texts.filter(({ text }) => text.search(NAMED) === -1)
if (without.length > 0) {
  for (const { file } of without) console.error(`set-version: ${file} names no version`)
  process.exit(1)
}
for (const { file, text } of texts) writeFileSync(file, text.replaceAll(NAMED, version))
