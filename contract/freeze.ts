// `npm run contract:freeze`: makes today's document the one of the last release.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { clientOf, FREEZE } from './client.ts'
import { compareDocuments, isNewMajor } from './compare.ts'
import { ACCEPTED, CLIENT, RELEASED, readAccepted, readDocument, TODAY } from './files.ts'
import { lineOf, sorted } from './findings.ts'
import { objectAt, textAt } from './json.ts'

const before = readDocument(RELEASED)
const after = readDocument(TODAY)
const version = textAt(objectAt(before, 'info'), 'version')
const { refused } = sorted(compareDocuments(before, after), readAccepted())

if (refused.length > 0 && !isNewMajor(before, after) && isTagged(`v${version}`)) {
  for (const finding of refused) console.error(`contract: ${lineOf(finding)}`)
  console.error(`contract: ${version} is released: to break its clients needs a new major version`)
  process.exitCode = 1
} else {
  const text = readFileSync(TODAY, 'utf8')
  writeFileSync(CLIENT, await clientOf(text, FREEZE))
  writeFileSync(RELEASED, text)
  writeFileSync(ACCEPTED, '[]\n')
  console.log(`contract: froze ${textAt(objectAt(after, 'info'), 'version')}`)
}

/** A document whose version has no tag is not released yet, and can be replaced. */
function isTagged(tag: string): boolean {
  const { status, stdout } = spawnSync('git', ['tag', '--list', tag], { encoding: 'utf8' })
  return status !== 0 || stdout.trim() !== ''
}
