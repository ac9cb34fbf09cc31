import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { describeFailure } from '../../../src/process/failure.ts'
import { checkPort } from '../../../src/server/port.ts'
import { listenOnLoopback } from '../../support/process/listen-on-loopback.ts'

test('a port that is in use is described by PORT, with its address, for both versions of IP', async (t: TestContext) => {
  for (const [HOST, address] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ] as const) {
    const other = createServer()
    t.after(() => other.close())
    const PORT = await listenOnLoopback(other, HOST)
    t.assert.strictEqual(
      await failureOf(t, () => checkPort({ HOST, PORT })),
      `PORT ${PORT} is in use: another process listens on ${address}:${PORT}. Set PORT to a free port.`,
    )
  }
})

test('an address that is none of the machine is described by HOST', async (t: TestContext) => {
  t.assert.strictEqual(
    await failureOf(t, () => checkPort({ HOST: '192.0.2.1', PORT: 0 })),
    'HOST 192.0.2.1 is not an address of this machine. Set HOST to one that is.',
  )
})

test('a port that only root may use is described by PORT', (t: TestContext) => {
  // Made by hand: the tests may run as root, who may use every port.
  const error = new Error('listen EACCES: permission denied 0.0.0.0:80')
  Object.assign(error, { code: 'EACCES', syscall: 'listen', address: '0.0.0.0', port: 80 })
  t.assert.strictEqual(
    describeFailure(error),
    'PORT 80 is not allowed: this user may not listen on 0.0.0.0:80. Set PORT to 1024 or above.',
  )
})

/** @returns the description of the failure */
async function failureOf(t: TestContext, work: () => Promise<void>): Promise<string> {
  const [outcome] = await Promise.allSettled([work()])
  t.assert.strictEqual(outcome.status, 'rejected')
  return outcome.status === 'rejected' ? describeFailure(outcome.reason) : ''
}
