// An instance that, when its input ends, registers one username several times concurrently, in
// different cases, and prints the statuses of the responses.
// Arguments: the username, the number of registrations, the URL of the database.
import { text } from 'node:stream/consumers'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { TEST_COST } from '../http/build.ts'
import { LogCapture } from '../log-capture.ts'

const [name = '', times = '', DATABASE_URL = ''] = process.argv.slice(2)
const SESSION_SECRET = 'a secret of the tests with 32 characters or more'
const settled = { DATABASE_URL, SESSION_SECRET, BCRYPT_COST: TEST_COST, HASH_CONCURRENCY: 2 }
const config = { ...loadConfig({}), ...settled }
const app = await buildApp(config, new LogCapture())
await app.ready()
console.log('ready')
await text(process.stdin)

const answers = Array.from({ length: Number(times) }, (_, index) => {
  const username = inCaseOf(name, index)
  const body = { username, password: 'correct horse battery' }
  return app.inject({ method: 'POST', url: '/user', body })
})
const statuses = (await Promise.all(answers)).map(({ statusCode }) => statusCode)
console.log(`answered ${JSON.stringify(statuses)}`)
await app.close()

/** The name, with the letters in upper case whose bits are set in the number. */
function inCaseOf(text: string, bits: number): string {
  return [...text]
    .map((letter, index) => ((bits >> index) & 1 ? letter.toUpperCase() : letter))
    .join('')
}
