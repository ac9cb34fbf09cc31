// `npm run contract:check`: fails if today's document breaks a client of the last release, and
// otherwise prints what is new for CHANGELOG.md.
import { compareDocuments, isNewMajor } from './compare.ts'
import { RELEASED, readAccepted, readDocument, TODAY } from './files.ts'
import { entryOf, lineOf, sorted } from './findings.ts'
import { objectAt, textAt } from './json.ts'

const before = readDocument(RELEASED)
const after = readDocument(TODAY)
const version = textAt(objectAt(before, 'info'), 'version')
const { refused, accepted, additions, unused } = sorted(
  compareDocuments(before, after),
  readAccepted(),
)

if (isNewMajor(before, after)) {
  console.log(`contract: a new major version may break clients of ${version}. For CHANGELOG.md:`)
  for (const line of entryOf([...refused, ...accepted, ...additions])) console.log(line)
} else {
  for (const finding of refused) console.error(`contract: ${lineOf(finding)}`)
  for (const { finding } of unused) {
    console.error(
      `contract: accepted.json: ${finding}: is not found for these operations, has no reason or cannot be accepted`,
    )
  }
  if (refused.length > 0) {
    console.error(`contract: clients of ${version} break: CONTRIBUTING.md, "The contract"`)
  }
  if (refused.length + unused.length > 0) process.exitCode = 1
  else {
    const entry = entryOf([...additions, ...accepted])
    console.log(`contract: clients of ${version} work.${entry.length ? ' For CHANGELOG.md:' : ''}`)
    for (const line of entry) console.log(line)
  }
}
