// `npm run validate`: runs what CI requires of each commit, and stops at the first failure.
// --long  runs the same and the long tests: CI does so each night, and `npm run release` before it packs
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const isLong = process.argv.includes('--long')
const CHECKS = [
  'npm run lint',
  'npm run lint:openapi',
  'npm run contract:check',
  'npm run lint:deploy',
  'npm run lint:workflows',
  'npm run typecheck',
  'npm run audit',
  'npm run licences -- --check',
]
/** For `smoke`, `test:long` and the faults. */
const BUILD = 'npm run build'
const FAULTS = 'node --import tsx test/faults/run.ts --compiled'

/**
 * Each step is a list of commands, one after the other. The commands of `beside` run during the
 * step: it leaves a core idle, and neither measures the time by the clock.
 */
const STEPS = [
  { commands: ['npm test'], beside: [] },
  { commands: ['npm run test:races -- --compiled'], beside: [...CHECKS, BUILD] },
  {
    commands: [
      'npm run smoke -- --compiled',
      ...(isLong ? ['npm run test:long -- --compiled'] : []),
      isLong ? `${FAULTS} --long` : FAULTS,
    ],
    beside: [],
  },
]

for (const { commands, beside } of STEPS) {
  const results = await Promise.all([runAll(commands, run), runAll(beside, runQuietly)])
  if (results.includes(false)) process.exit(1)
}

/**
 * @param {string[]} commands
 * @param {(command: string) => Promise<boolean>} runOne
 */
async function runAll(commands, runOne) {
  for (const command of commands) if (!(await runOne(command))) return false
  return true
}

/** @param {string} command */
async function run(command) {
  const [code] = await once(spawn(command, { shell: true, stdio: 'inherit' }), 'close')
  return code === 0
}

/**
 * Prints the output when the command has ended, so that it does not mix with the output of the step.
 *
 * @param {string} command
 */
async function runQuietly(command) {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = await once(child, 'close')
  process.stdout.write(output)
  return code === 0
}
