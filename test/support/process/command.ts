import { userInfo } from 'node:os'
import type { TestContext } from 'node:test'
import { TEST_SECRET } from '../http/build.ts'
import { install } from './installation.ts'

export const CLI = 'src/cli.ts'

/** What an event of a command has in its detail. */
export const BY_COMMAND = { via: 'cli', osUser: userInfo().username }

/**
 * Prepares to run commands on a database, with the secret of the server of `build`.
 *
 * @returns `run`, which runs a command to its end, and `succeed`, which fails the test unless the
 *   command ends with 0 and prints no error, and returns what it printed
 */
export async function commandsOn(t: TestContext, DATABASE_URL: string) {
  const site = await install(t)
  const environment = { DATABASE_URL, SESSION_SECRET: TEST_SECRET }
  const run = (args: string[], input = '') => site.run(CLI, args, environment, input)
  return {
    site,
    environment,
    run,
    async succeed(args: string[], input = ''): Promise<string> {
      const { code, stdout, stderr } = await run(args, input)
      t.assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: '' })
      return stdout
    },
  }
}
