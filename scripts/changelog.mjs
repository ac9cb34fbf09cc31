// Reads CHANGELOG.md, whose form is that of https://keepachangelog.com/en/1.1.0.
const SECTIONS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
const RELEASE =
  /^## \[(Unreleased|(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))\](?: - (\d{4}-\d{2}-\d{2}))?$/

/**
 * @typedef {{version: string, date: string | undefined, entries: number}} Release
 */

/**
 * @param {string} text
 * @returns {{releases: Release[], problems: string[]}} the releases, newest first, `Unreleased` among them; and
 *   each line that does not have the form
 */
export function readChangelog(text) {
  /** @type {Release[]} */
  const releases = []
  /** @type {string[]} */
  const problems = []
  let section = ''
  const lines = text.split('\n')
  if (lines[0] !== '# Changelog') problems.push('line 1: is not `# Changelog`')
  for (const [index, line] of lines.entries()) {
    const complain = (/** @type {string} */ what) => problems.push(`line ${index + 1}: ${what}`)
    const release = releases.at(-1)
    if (line.startsWith('## ')) {
      const [, version = '', date] = RELEASE.exec(line) ?? []
      if (version === '') complain('is neither `## [Unreleased]` nor `## [1.2.3] - 2026-12-31`')
      else if ((version === 'Unreleased') !== (date === undefined))
        complain('only a release has a date')
      else if (date && !isDate(date)) complain(`${date} is no date`)
      const isFirst = releases.length === 0
      if (isFirst !== (version === 'Unreleased'))
        complain('`## [Unreleased]` comes first, and once')
      if (
        release?.date &&
        date &&
        (compareVersions(version, release.version) >= 0 || date > release.date)
      ) {
        complain(`${version} is not before ${release.version}`)
      }
      releases.push({ version, date, entries: 0 })
      section = ''
    } else if (line.startsWith('### ')) {
      section = line.slice('### '.length)
      if (!SECTIONS.includes(section))
        complain(`\`${section}\` is not one of ${SECTIONS.join(', ')}`)
    } else if (line.startsWith('- ')) {
      if (!release || section === '') complain('an entry is below a section of a release')
      else release.entries++
    }
  }
  for (const { version, entries } of releases) {
    if (version !== 'Unreleased' && entries === 0) problems.push(`${version} has no entry`)
  }
  return { releases, problems }
}

/**
 * @param {string} a such as 1.2.3
 * @param {string} b
 * @returns {number} above 0 if `a` is higher
 */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  for (const index of [0, 1, 2]) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** @param {string} date */
function isDate(date) {
  const time = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date)
}
