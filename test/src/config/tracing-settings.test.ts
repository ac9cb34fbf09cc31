import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/config/config.ts'
import { tracingOptions } from '../../../src/config/settings/tracing.ts'
import { configErrorOf } from '../../support/process/config-error.ts'

const BASE = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

test('the URL of traces is the endpoint with /v1/traces, or the endpoint of traces as it is', (t: TestContext) => {
  t.assert.strictEqual(optionsOf({}), undefined)
  t.assert.strictEqual(optionsOf({ ...BASE, OTEL_SDK_DISABLED: 'true' }), undefined)
  t.assert.strictEqual(optionsOf(BASE)?.exporter.url, 'http://collector:4318/v1/traces')
  const withPath = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/otlp/' }
  t.assert.strictEqual(optionsOf(withPath)?.exporter.url, 'https://collector/otlp/v1/traces')
  const complete = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in' }
  t.assert.strictEqual(optionsOf(complete)?.exporter.url, 'https://traces.example/in')
  t.assert.strictEqual(
    optionsOf({ ...BASE, ...complete })?.exporter.url,
    'https://traces.example/in',
  )
})

test('headers and resource attributes are decoded, and the name of the service has the precedence of the specification', (t: TestContext) => {
  const given = {
    ...BASE,
    OTEL_EXPORTER_OTLP_HEADERS: ' authorization = Basic%20a%3D%3D , x-scope=1,',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=b,team=c%2Cd',
  }
  const headers = { authorization: 'Basic a==', 'x-scope': '1' }
  t.assert.deepStrictEqual(optionsOf(given)?.exporter.headers, headers)
  const resource = { 'service.version': '1', team: 'c,d' }
  t.assert.deepStrictEqual(optionsOf(given)?.resource, { ...resource, 'service.name': 'b' })
  const named = { ...given, OTEL_SERVICE_NAME: 'a' }
  t.assert.deepStrictEqual(optionsOf(named)?.resource, { ...resource, 'service.name': 'a' })
  t.assert.strictEqual(optionsOf(BASE)?.resource['service.name'], 'gatehouse')
})

test('an endpoint, a header or an attribute of another form is rejected without its value', (t: TestContext) => {
  for (const [name, values] of Object.entries({
    OTEL_EXPORTER_OTLP_ENDPOINT: ['collector:4318', 'grpc://collector:4317', 'http://'],
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['/v1/traces', 'ftp://collector'],
    OTEL_EXPORTER_OTLP_PROTOCOL: ['grpc'],
    OTEL_EXPORTER_OTLP_HEADERS: ['no-pair', '=no-name', 'a b=c', 'a=%zz', 'a=b%0D%0Ac: d'],
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: ['no-pair', 'a b=c', 'a=b%0D%0Ac: d'],
    OTEL_RESOURCE_ATTRIBUTES: ['no-pair', '=no-name', 'a=%zz'],
    OTEL_TRACES_SAMPLER: ['jaeger_remote', 'on'],
    OTEL_TRACES_SAMPLER_ARG: ['-0.1', '1.1', 'all'],
  })) {
    for (const value of values) {
      const message = configErrorOf(t, () => loadConfig({ ...BASE, [name]: value }))
      t.assert.match(message, new RegExp(`^ {2}${name} is not valid: `, 'm'), value)
      if (name.endsWith('HEADERS')) t.assert.ok(!message.includes(value))
    }
  }
})

test('headers of traces are added to the general headers, and replace those of the same name', (t: TestContext) => {
  const given = {
    ...BASE,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=general,x-scope=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-api-key=of%20traces,x-other=2',
  }
  const headers = { 'x-api-key': 'of traces', 'x-scope': '1', 'x-other': '2' }
  t.assert.deepStrictEqual(optionsOf(given)?.exporter.headers, headers)
  const { OTEL_EXPORTER_OTLP_HEADERS: _, ...alone } = given
  const own = { 'x-api-key': 'of traces', 'x-other': '2' }
  t.assert.deepStrictEqual(optionsOf(alone)?.exporter.headers, own)
  t.assert.deepStrictEqual(optionsOf(BASE)?.exporter.headers, {})
})

function optionsOf(environment: Record<string, string>) {
  return tracingOptions(loadConfig(environment, false), '1')
}
