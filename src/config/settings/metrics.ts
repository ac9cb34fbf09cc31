import { Type } from '@sinclair/typebox'

/** The settings of the metrics, a part of `Environment`. */
export const metricsSettings = {
  METRICS_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      title: '0 to 65535; 0 picks a free port',
      description:
        'Port that serves `GET /metrics` for Prometheus; without it, nothing is measured',
    }),
  ),
  // Not HOST, which is often a public address. Metrics are for the operator only.
  METRICS_HOST: Type.String({
    default: '127.0.0.1',
    title: 'an IP address or a host name; `localhost` is 127.0.0.1',
    description: 'Address that the metrics are served on, whatever `HOST` is',
  }),
}
