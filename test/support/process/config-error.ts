import type { TestContext } from 'node:test'
import { ConfigError } from '../../../src/config/config-error.ts'

/** @returns the message of the ConfigError that `read` throws */
export function configErrorOf(t: TestContext, read: () => unknown): string {
  let message = ''
  t.assert.throws(read, (error) => {
    message = error instanceof ConfigError ? error.message : ''
    return error instanceof ConfigError
  })
  return message
}
