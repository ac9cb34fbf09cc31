// `npm run audit`: fails on a known vulnerability of a production package, except those that
// scripts/audit-exceptions.json lists with a reason.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const EXCEPTIONS = 'scripts/audit-exceptions.json'
/** One more attempt of at most 30 s: without a network, `npm run validate` must not wait for minutes. */
const COMMAND =
  'npm audit --omit=dev --json --offline=false --fetch-retries=1 --fetch-timeout=30000'

/**
 * The parts of npm's report, version 2, that this script reads. An entry of `via` that is a string
 * names another vulnerable package, which has an entry of its own.
 *
 * @typedef {{url: string, title: string, severity: string, range: string}} Advisory
 * @typedef {{auditReportVersion: 2, vulnerabilities: Record<string, {name: string, via: (string | Advisory)[]}>}} Report
 * @typedef {{message?: string, error: {code?: string, summary: string}}} Failure
 */

const { stdout } = spawnSync(COMMAND, {
  shell: true,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
})
/** @type {Report | Failure} */
const report = JSON.parse(stdout)

if (!('auditReportVersion' in report)) {
  // npm gives a code to an error of the project, such as a missing lock file, and none to one of the registry.
  if (report.error.code || !report.message) fail([report.error.summary || stdout])
  console.log(`npm audit: NOT CHECKED, the registry did not answer: ${report.message}`)
  process.exit(0)
}

/** @type {Record<string, string>} */
const exceptions = JSON.parse(readFileSync(EXCEPTIONS, 'utf8'))
const found = Object.values(report.vulnerabilities).flatMap(({ name, via }) =>
  via
    .filter((cause) => typeof cause !== 'string')
    .map((advisory) => ({
      ...advisory,
      name,
      id: advisory.url.slice(advisory.url.lastIndexOf('/') + 1),
    })),
)
fail([
  ...found
    .filter(({ id }) => !Object.hasOwn(exceptions, id))
    .map(
      ({ name, range, severity, title, url }) => `${name} ${range}: ${severity}: ${title} ${url}`,
    ),
  // Without this, a list of old exceptions could hide that a package became vulnerable again.
  ...Object.entries(exceptions)
    .filter(([id]) => !found.some((advisory) => advisory.id === id))
    .map(([id]) => `${EXCEPTIONS}: ${id} concerns no package any more: remove it`),
  ...Object.entries(exceptions)
    .filter(([, reason]) => reason.trim() === '')
    .map(([id]) => `${EXCEPTIONS}: ${id} has no reason`),
])
const excepted = found.map(({ name, id }) => `, except ${name} ${id}: ${exceptions[id]}`)
console.log(`npm audit: no known vulnerability${excepted.join('')}`)

/** @param {string[]} problems exits with 1 if there are any */
function fail(problems) {
  if (problems.length === 0) return
  for (const problem of problems) console.error(`npm audit: ${problem}`)
  process.exit(1)
}
