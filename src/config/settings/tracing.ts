import { validateHeaderName, validateHeaderValue } from 'node:http'
import { type Static, type TObject, Type } from '@sinclair/typebox'
import { SAMPLERS, type SamplerName } from '../../../plugins/tracing/samplers.ts'

/**
 * The settings of the traces, a part of `Environment`. Names and values are those of OpenTelemetry's
 * specification, so that one environment configures several services.
 */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      format: 'http-url',
      title: '`http://host:port` or `https://host:port`; `/v1/traces` is appended',
      description: 'OpenTelemetry collector that receives traces; without it, nothing is traced',
    }),
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Type.Optional(
    Type.String({
      format: 'http-url',
      title: 'a complete URL, such as `https://host/v1/traces`',
      description: 'Receives traces instead of `OTEL_EXPORTER_OTLP_ENDPOINT`',
    }),
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: Type.Unsafe<'http/protobuf' | 'http/json'>({
    type: 'string',
    enum: ['http/protobuf', 'http/json'],
    default: 'http/protobuf',
    title: '`http/protobuf` or `http/json`',
    description: 'Format in which traces are sent; gRPC is not supported',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: Type.Optional(
    Type.String({
      format: 'header-list',
      title: '`name=value` pairs with commas between them, values percent-encoded',
      description: 'Headers sent with the traces, such as the key of a service; never logged',
    }),
  ),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: Type.Optional(
    Type.String({
      format: 'header-list',
      title: '`name=value` pairs with commas between them, values percent-encoded',
      description:
        'Headers added to `OTEL_EXPORTER_OTLP_HEADERS`, or replacing those of the same name; never logged',
    }),
  ),
  OTEL_EXPORTER_OTLP_TIMEOUT: Type.Integer({
    minimum: 100,
    maximum: 60_000,
    default: 10_000,
    title: '100 to 60000, in milliseconds',
    description: 'Time limit for sending a batch of spans, with its repetitions',
  }),
  OTEL_TRACES_SAMPLER: Type.Unsafe<SamplerName>({
    type: 'string',
    enum: SAMPLERS,
    default: 'parentbased_always_on',
    title:
      '`always_on`, `always_off`, `traceidratio`, or one of these after `parentbased_`, which obeys an incoming `traceparent`',
    description: 'Which requests are traced',
  }),
  OTEL_TRACES_SAMPLER_ARG: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 1,
    title: '0 to 1',
    description: 'Share of the requests that a sampler with `traceidratio` traces',
  }),
  OTEL_SERVICE_NAME: Type.Optional(
    Type.String({
      title: 'text; the default is `gatehouse`',
      description: 'Name of this service in the traces',
    }),
  ),
  OTEL_RESOURCE_ATTRIBUTES: Type.Optional(
    Type.String({
      format: 'key-value-list',
      title: '`key=value` pairs with commas between them, values percent-encoded',
      description:
        'Attributes of this instance in the traces, such as `deployment.environment.name=staging`',
    }),
  ),
  OTEL_SDK_DISABLED: Type.Boolean({
    default: false,
    title: '`true` or `false`',
    description: 'Turns the traces off, whatever the endpoints are',
  }),
}

type TracingSettings = Static<TObject<typeof tracingSettings>>

/** @returns the options of the plugin `tracing`, or undefined if nothing is traced */
export function tracingOptions(config: TracingSettings, version: string) {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: complete } = config
  const url = complete ?? (base && `${base.replace(/\/+$/, '')}/v1/traces`)
  if (url === undefined || config.OTEL_SDK_DISABLED) return undefined
  const attributes = parsePairs(config.OTEL_RESOURCE_ATTRIBUTES ?? '')
  const serviceName = config.OTEL_SERVICE_NAME ?? attributes?.['service.name'] ?? 'gatehouse'
  return {
    exporter: {
      url,
      protocol: config.OTEL_EXPORTER_OTLP_PROTOCOL,
      headers: {
        ...parsePairs(config.OTEL_EXPORTER_OTLP_HEADERS ?? ''),
        ...parsePairs(config.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? ''),
      },
      timeoutMs: config.OTEL_EXPORTER_OTLP_TIMEOUT,
    },
    sampler: { name: config.OTEL_TRACES_SAMPLER, ratio: config.OTEL_TRACES_SAMPLER_ARG },
    resource: {
      'service.version': version,
      ...attributes,
      'service.name': serviceName,
    },
  }
}

export function isPairList(text: string): boolean {
  return parsePairs(text) !== undefined
}

export function isHeaderList(text: string): boolean {
  const headers = parsePairs(text)
  if (!headers) return false
  try {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
    return true
  } catch {
    return false
  }
}

export function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/]/i.test(text) && URL.canParse(text)
}

/**
 * @param text `key=value,key=value`, as in W3C Baggage, with percent-encoded values
 * @returns undefined if it has another form
 */
function parsePairs(text: string): Record<string, string> | undefined {
  const pairs: [string, string][] = []
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    const end = pair.indexOf('=')
    const key = pair.slice(0, Math.max(end, 0)).trim()
    if (key === '') return undefined
    try {
      pairs.push([key, decodeURIComponent(pair.slice(end + 1).trim())])
    } catch {
      return undefined
    }
  }
  return Object.fromEntries(pairs)
}
