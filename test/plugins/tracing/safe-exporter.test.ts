import { type TestContext, test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { SafeExporter } from '../../../plugins/tracing/safe-exporter.ts'

const OK = { code: ExportResultCode.SUCCESS }
const FAILED = { code: ExportResultCode.FAILED, error: new Error('no collector') }

test('failed batches are logged once, and their spans are counted when sending succeeds again', (t: TestContext) => {
  const { batches, lines, state, send } = createExporter()
  state.answer = FAILED
  t.assert.deepStrictEqual([send('a', 'b'), send('c')], [FAILED, FAILED])
  state.answer = OK
  t.assert.deepStrictEqual([send('d'), send('e')], [OK, OK])
  state.answer = FAILED
  send('f')
  t.assert.deepStrictEqual(batches, [['a', 'b'], ['c'], ['d'], ['e'], ['f']])
  const lost = 'Traces are not sent, spans are lost'
  t.assert.deepStrictEqual(lines, [
    [{ err: FAILED.error }, lost],
    [{ spansLost: 3 }, 'Traces are sent again'],
    [{ err: FAILED.error }, lost],
  ])
})

test('a batch of nothing but spans of hooks succeeds, and is not sent', (t: TestContext) => {
  const { batches, lines, state, send } = createExporter()
  state.answer = FAILED
  t.assert.deepStrictEqual([send('hook'), send('hook')], [OK, OK])
  t.assert.deepStrictEqual([batches, lines], [[], []])
})

/** @returns the names in each batch that is sent, the lines of the log, and what answers a batch */
function createExporter() {
  const batches: string[][] = []
  const lines: unknown[][] = []
  const state: { answer: ExportResult } = { answer: OK }
  const sender = {
    export(spans: ReadableSpan[], callback: (result: ExportResult) => void) {
      batches.push(spans.map(({ name }) => name))
      callback(state.answer)
    },
    shutdown: async () => undefined,
  }
  const note = (...line: unknown[]) => void lines.push(line)
  const exporter = new SafeExporter(sender, { warn: note, info: note })
  return {
    batches,
    lines,
    state,
    send(...names: string[]) {
      let result: ExportResult | undefined
      exporter.export(spansOf(names), (given) => {
        result = given
      })
      return result
    },
  }
}

/** @returns ended spans; those with the name `hook` are as @fastify/otel makes them for hooks */
function spansOf(names: string[]): ReadableSpan[] {
  const memory = new InMemorySpanExporter()
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: memory })],
  })
  for (const name of names) {
    const attributes = name === 'hook' ? { 'fastify.type': 'hook' } : {}
    provider.getTracer('test').startSpan(name, { attributes }, ROOT_CONTEXT).end()
  }
  return memory.getFinishedSpans()
}
