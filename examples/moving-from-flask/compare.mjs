#!/usr/bin/env node
// Plays a recorded client against the Flask service and against Gatehouse, and prints each difference.
// It needs Node 20 and no packages.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { differencesOf } from './differences.mjs'
import { play } from './play.mjs'

const HELP = `Plays a recorded client against two services and prints each difference.

  node compare.mjs [options] OLD NEW              compares two base URLs
  node compare.mjs --record FILE [options] URL    writes the responses of one to a file
  node compare.mjs --against FILE [options] URL   compares one with the responses in the file

  --requests FILE    what the client sends; the default is requests.json beside this script
  --variables FILE   JSON object with values for the variables of the requests
  --help             prints this text

Run it on copies of the databases: it registers an account, changes a password and sends two deletions.
Restore the copies before you run it again.

Exit code: 0 no difference, 2 differences, 1 failure.`

/** @typedef {import('./play.mjs').RecordedResponse} RecordedResponse */

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      requests: { type: 'string' },
      variables: { type: 'string' },
      record: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const isSingle = values.record !== undefined || values.against !== undefined
  if (positionals.length !== (isSingle ? 1 : 2)) throw new Error(HELP)

  const recording = readJson(values.requests ?? new URL('requests.json', import.meta.url))
  const own = values.variables === undefined ? {} : readJson(values.variables)
  const run = `compare-${Date.now().toString(36)}`
  const variables = { run, ...recording.variables, ...own }
  const [first = '', second = first] = positionals

  if (values.record !== undefined) {
    const responses = await play(first, recording, variables)
    writeFileSync(values.record, `${JSON.stringify(responses, undefined, 2)}\n`)
    console.log(`${responses.length} responses written to ${values.record}.`)
    return 0
  }
  /** @type {RecordedResponse[]} */
  const before =
    values.against === undefined
      ? await play(first, recording, variables)
      : readJson(values.against)
  const after = await play(second, recording, variables)
  return report(before, after, recording)
}

/**
 * @param {RecordedResponse[]} before
 * @param {RecordedResponse[]} after
 * @param {import('./play.mjs').Recording} recording
 */
function report(before, after, recording) {
  const rows = differencesOf(before, after, recording)
  const requests = new Set(rows.map(({ request }) => request)).size
  if (rows.length > 0) {
    print([{ request: 'REQUEST', field: 'WHAT', before: 'OLD', after: 'NEW' }, ...rows])
    console.log('')
  }
  console.log(
    `${after.length} requests: ${rows.length} differences in ${requests}, none in ${after.length - requests}.`,
  )
  return rows.length > 0 ? 2 : 0
}

/** @param {import('./differences.mjs').Difference[]} rows */
function print(rows) {
  const widthOf = (/** @type {(row: import('./differences.mjs').Difference) => string} */ text) =>
    Math.max(...rows.map((row) => text(row).length))
  const request = widthOf((row) => row.request)
  const field = widthOf((row) => row.field)
  const before = widthOf((row) => row.before)
  let previous = ''
  for (const row of rows) {
    const name = row.request === previous ? '' : row.request // once for all its differences
    previous = row.request
    const columns = [name.padEnd(request), row.field.padEnd(field), row.before.padEnd(before)]
    console.log([...columns, row.after].join('  '))
  }
}

/** @param {string | URL} file */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`)
  }
}
