import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { RequestLogger } from '../../../src/server/request-logger.ts'

test('children of a request logger that has written nothing write all bindings, by one logger of pino', (t: TestContext) => {
  const { lines, root, made } = createRoot()
  const request = new RequestLogger(root, { reqId: 1, kept: 'yes' }, {})
  const child = request.child({ traceId: 2 }).child({ reqId: 3 })
  child.info('first')
  child.info('second')
  t.assert.strictEqual(made.count, 1)
  request.info('of the request')
  t.assert.deepStrictEqual(lines, [
    { reqId: 3, kept: 'yes', traceId: 2, msg: 'first' },
    { reqId: 3, kept: 'yes', traceId: 2, msg: 'second' },
    { reqId: 1, kept: 'yes', msg: 'of the request' },
  ])
})

test('a child of a request logger has the level, serializers and prefix of its parent, written to or not', (t: TestContext) => {
  for (const isWritten of [false, true]) {
    const { lines, root } = createRoot()
    const options = { level: 'warn', msgPrefix: '> ', serializers: { of: () => 'serialized' } }
    const request = new RequestLogger(root, { reqId: 1 }, options)
    if (isWritten) request.warn('before')
    const child = request.child({ of: 'parent' })
    child.info('below the level')
    child.warn({ of: 'line' }, 'logged')
    const [line] = lines.slice(isWritten ? 1 : 0)
    t.assert.deepStrictEqual(line, { reqId: 1, of: 'serialized', msg: '> logged' })
    t.assert.strictEqual(lines.length, isWritten ? 2 : 1)
  }
})

test('a child of a request logger with options of its own, or of one with formatters, is a logger of its own', (t: TestContext) => {
  const { lines, root } = createRoot()
  const request = new RequestLogger(root, { of: 'parent' }, {})
  request.child({ of: 'child' }, { serializers: { of: () => 'serialized' } }).info('a')
  const formatters = { bindings: () => ({ formatted: true }) }
  new RequestLogger(root, { gone: 1 }, { formatters }).child({ kept: 2 }).info('b')
  t.assert.deepStrictEqual(lines, [
    { of: 'serialized', msg: 'a' },
    { formatted: true, kept: 2, msg: 'b' },
  ])
})

/** @returns a logger of pino, its lines, and how many children were made of it */
function createRoot() {
  const lines: unknown[] = []
  const made = { count: 0 }
  const root = pino(
    {
      base: null,
      timestamp: false,
      onChild: () => void made.count++,
    },
    {
      write(text: string) {
        const { level: _, ...line } = JSON.parse(text)
        lines.push(line)
      },
    },
  )
  return { lines, root, made }
}
