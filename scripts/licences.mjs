// `npm run licences`: writes THIRD-PARTY-LICENCES.md from the lock file, so that the list is the same
// on every platform. With --check, fails if the list is not current. Fails on a licence that is not permitted.
import { readFileSync, writeFileSync } from 'node:fs'

const LIST = 'THIRD-PARTY-LICENCES.md'

/** SPDX identifiers: https://spdx.org/licenses. All are permissive. */
const PERMITTED = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
]

/**
 * @typedef {{version: string, license?: string, dev?: true, link?: true, optionalDependencies?: Record<string, string>}} Package
 */

/** @type {[string, Package][]} */
const locked = Object.entries(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages)
const packages = locked
  // The first key, '', is Gatehouse itself. `dev` marks what only development needs.
  .filter(([path, { dev, link }]) => path !== '' && !dev && !link)
  .map(([path, { version, license }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    return { name, version, license: license ?? licenceOfOwner(name) }
  })
  .sort((a, b) => compare(a.name, b.name))

const refused = packages.filter(({ license }) => !PERMITTED.includes(license ?? ''))
for (const { name, version, license } of refused) {
  console.error(`licences: ${name} ${version}: ${license ?? 'no licence'} is not permitted`)
}
if (refused.length > 0) process.exit(1)

// Without versions: an update of a package changes the list only if there is something to read.
const rows = new Set(packages.map(({ name, license }) => `| ${name} | ${license} |`))
const text = `# Third-party licences

The packages that a production installation has (\`npm ci --omit=dev\`), with the licence that each one
declares as its SPDX identifier. The text of each licence is in the folder of its package, under
\`node_modules/\`. \`package-lock.json\` has the versions. \`npm run licences\` writes this file.

| Package | Licence |
|---|---|
${[...rows].join('\n')}
`

if (!process.argv.includes('--check')) {
  writeFileSync(LIST, text)
  console.log(`licences: ${rows.size} packages, in ${LIST}`)
} else if (readFileSync(LIST, 'utf8') !== text) {
  console.error(`licences: ${LIST} is not current: run \`npm run licences\``)
  process.exit(1)
}

/**
 * npm records no licence of a package that it has not downloaded: one for another platform. Such a
 * package is a part of the package that names it as optional, and is released with it.
 *
 * @param {string} name
 */
function licenceOfOwner(name) {
  return locked.find(([, { optionalDependencies }]) => optionalDependencies?.[name])?.[1].license
}

/**
 * By code unit: the order must not depend on the language of the machine.
 *
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  if (a === b) return 0
  return a < b ? -1 : 1
}
