import type { TestContext } from 'node:test'

/** @returns the messages of errors that become warnings of the process, until the test ends */
export function warningsOf(t: TestContext): string[] {
  const messages: string[] = []
  const note = ({ name, message }: Error) => {
    if (name === 'Error') messages.push(message) // others are of Node itself
  }
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  return messages
}

export function fail(message: string): never {
  throw new Error(message)
}
