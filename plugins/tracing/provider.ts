import { randomUUID } from 'node:crypto'
import type { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Attributes, propagation } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { type ExportLog, SafeExporter } from './safe-exporter.ts'
import type { SamplerName } from './samplers.ts'

export interface TracingOptions {
  exporter: {
    /** Receives OTLP over HTTP. */
    url: string
    protocol: 'http/protobuf' | 'http/json'
    /** May hold secrets. */
    headers: Record<string, string>
    /** For one batch of spans. */
    timeoutMs: number
  }
  sampler: {
    name: SamplerName
    /** Of the samplers by ratio, 0 to 1. */
    ratio: number
  }
  /** Attributes of this instance. */
  resource: Attributes
}

/** Spans that wait to be sent. Any more are dropped, so that a slow collector costs no memory. */
const MAX_QUEUED_SPANS = 4_096
/** How long the spans that are left at the end may take. */
const FLUSH_LIMIT_MS = 1_000
/** Beyond the exporter's own limit, which applies first. */
const EXPORT_GRACE_MS = 1_000

/**
 * Opens what makes and sends spans. The exporter reads its certificates and its compression from the
 * environment, and adds the `OTEL_EXPORTER_OTLP_*HEADERS` there to `headers`.
 *
 * @param log of failures to send
 * @returns `close`, which sends what is left and takes a second at most
 */
export async function openProvider(
  { exporter, sampler, resource }: TracingOptions,
  log: ExportLog,
) {
  const { sender, destroy } = await openSender(exporter)
  const safeExporter = new SafeExporter(sender, log)
  const provider = new TracerProvider({
    sampler: samplerOf(sampler),
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.instance.id': randomUUID(),
        ...resource,
        'process.pid': process.pid,
      }),
    ),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: safeExporter,
        maxQueueSize: MAX_QUEUED_SPANS,
        exportTimeoutMillis: exporter.timeoutMs + EXPORT_GRACE_MS,
      }),
    ],
  })
  // Several apps of one process share it: only the first call has an effect.
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  return {
    provider,
    async close(): Promise<void> {
      const late = sleep(FLUSH_LIMIT_MS, undefined, { ref: false })
      await Promise.race([provider.shutdown().catch(() => undefined), late])
      destroy()
    },
  }
}

/** @returns also `destroy`, which ends the connections to the collector */
async function openSender({ url, protocol, headers, timeoutMs }: TracingOptions['exporter']) {
  const agents: Agent[] = []
  const options = {
    url,
    headers,
    timeoutMillis: timeoutMs,
    async httpAgentOptions(scheme: string) {
      const { Agent } = await (scheme === 'https:' ? import('node:https') : import('node:http'))
      const agent = new Agent({ keepAlive: true })
      agents.push(agent)
      return agent
    },
  }
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  const sender: SpanExporter = new OTLPTraceExporter(options)
  return {
    sender,
    destroy() {
      for (const agent of agents) agent.destroy()
    },
  }
}

function samplerOf({ name, ratio }: TracingOptions['sampler']): Sampler {
  const [, parent, rootName] = /^(parentbased_)?(.+)$/.exec(name) ?? []
  const root = rootSampler(rootName, ratio)
  return parent ? new ParentBasedSampler({ root }) : root
}

function rootSampler(name: string | undefined, ratio: number): Sampler {
  if (name === 'always_on') return new AlwaysOnSampler()
  if (name === 'traceidratio') return new TraceIdRatioBasedSampler(ratio)
  return new AlwaysOffSampler()
}
