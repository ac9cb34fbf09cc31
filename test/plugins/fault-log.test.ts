import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import faultLog from '../../plugins/fault-log.ts'
import { LogCapture } from '../support/log-capture.ts'

const INTERVAL_MS = 10_000

test('a repeated fault is logged once at first, then as a count each 10 s, and anew after a quiet interval', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const log = new LogCapture()
  const app = Fastify({ logger: { stream: log } })
  await app.register(faultLog)
  const report = (times: number, code: string) => {
    for (let count = 0; count < times; count++) {
      app.faultLog.report(Object.assign(new Error('no'), { code }), 'request not served')
    }
  }
  const taken = () => {
    const lines = log.lines.map(({ level, msg, code, count }) => ({ level, msg, code, count }))
    log.text = ''
    return lines
  }
  const first = { level: 40, msg: 'request not served', code: undefined, count: undefined }
  const repeated = { level: 40, msg: 'request not served, repeatedly' }

  report(1_000, 'FIRST')
  report(1, 'SECOND')
  t.assert.deepStrictEqual(taken(), [first, first])

  t.mock.timers.tick(INTERVAL_MS)
  t.assert.deepStrictEqual(taken(), [{ ...repeated, code: 'FIRST', count: 999 }])
  report(2, 'FIRST')
  t.mock.timers.tick(INTERVAL_MS)
  t.assert.deepStrictEqual(taken(), [{ ...repeated, code: 'FIRST', count: 2 }])

  t.mock.timers.tick(INTERVAL_MS)
  report(1, 'FIRST')
  t.assert.deepStrictEqual(taken(), [first])

  report(5, 'FIRST')
  await app.close()
  t.assert.deepStrictEqual(taken(), [{ ...repeated, code: 'FIRST', count: 5 }])
})

test('a fault of the database is logged with advice for the operator', async (t: TestContext) => {
  const log = new LogCapture()
  const app = Fastify({ logger: { stream: log } })
  t.after(() => app.close())
  await app.register(faultLog)
  const full = { code: 'ER_RECORD_FILE_FULL', errno: 1114, sqlState: 'HY000' }
  app.faultLog.report(Object.assign(new Error('the table is full'), full), 'request not served')
  t.assert.match(String(log.lines[0]?.advice), /^The database has no space left: /)
})
