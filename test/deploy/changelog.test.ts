import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { compareVersions, readChangelog } from '../../scripts/changelog.mjs'

const HEAD = '# Changelog\n\n## [Unreleased]\n\n'
const OLDER = '## [1.0.0] - 2026-12-01\n\n### Added\n\n- A thing.\n'

test('CHANGELOG.md has the form of Keep a Changelog, and at most the version of the package', (t: TestContext) => {
  const { releases, problems } = readChangelog(readFileSync('CHANGELOG.md', 'utf8'))
  t.assert.deepStrictEqual(problems, [])
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const newest = releases.find(({ date }) => date !== undefined)
  t.assert.ok(compareVersions(newest?.version ?? version, version) <= 0)
})

test('a changelog gives its releases, newest first, with their dates and numbers of entries', (t: TestContext) => {
  const newer = '## [1.10.0] - 2027-01-31\n\n### Fixed\n\n- One.\n- Two.\n\n'
  t.assert.deepStrictEqual(readChangelog(`${HEAD}${newer}${OLDER}`), {
    problems: [],
    releases: [
      { version: 'Unreleased', date: undefined, entries: 0 },
      { version: '1.10.0', date: '2027-01-31', entries: 2 },
      { version: '1.0.0', date: '2026-12-01', entries: 1 },
    ],
  })
})

for (const [circumstance, text, problem] of [
  ['another title', `# News${HEAD.slice(11)}${OLDER}`, /^line 1: is not `# Changelog`/],
  ['no section for what is unreleased', `# Changelog\n\n${OLDER}`, /Unreleased\]` comes first/],
  ['a release without a date', `${HEAD}## [1.0.0]\n### Added\n- A\n`, /only a release has a date/],
  ['a day that no month has', `${HEAD}${OLDER.replace('12-01', '02-30')}`, /2026-02-30 is no date/],
  ['a version that is none', `${HEAD}${OLDER.replace('1.0.0', 'v1')}`, /is neither/],
  ['an older release first', `${HEAD}${OLDER}${OLDER.replace('1.0.0', '1.0.1')}`, /not before/],
  ['a section of another name', `${HEAD}${OLDER.replace('Added', 'New')}`, /`New` is not one of/],
  ['an entry without a section', `${HEAD}- A thing.\n${OLDER}`, /below a section/],
  ['a release without an entry', `${HEAD}## [1.0.0] - 2026-12-01\n`, /1\.0\.0 has no entry/],
] as const) {
  test(`a changelog with ${circumstance} has a problem`, (t: TestContext) => {
    const { problems } = readChangelog(text)
    t.assert.match(problems.join('\n'), problem)
  })
}
