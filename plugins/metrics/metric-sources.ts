import { Counter, Gauge, Histogram } from '@platformatic/prom-client'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { ConnectionPool } from '../../db/connections/pool.ts'
import { countSessions } from './session-counts.ts'

const MS_PER_S = 1_000
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
const LOOKUP_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 2]
const HASH_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Adds to `metrics` the state of the other plugins, which it reads when metrics are collected. */
export default fp(
  async (app) => {
    measurePools(app, {
      requests: app.db.pool,
      lookups: app.lookups.pool,
      inspections: app.inspections.pool,
    })
    measureLookups(app)
    measureHashes(app)
    countSessions(app.metrics.registry, app.db.observer)
  },
  {
    name: 'metric-sources',
    dependencies: ['metrics', 'database', 'lookups', 'inspections', 'passwords'],
  },
)

/** Named as in OpenTelemetry's semantic conventions for database clients. */
function measurePools({ metrics }: FastifyInstance, pools: Record<string, ConnectionPool>): void {
  const registers = [metrics.registry]
  const pool = 'db_client_connection_pool_name'
  const state = 'db_client_connection_state'
  new Gauge({
    name: 'db_client_connection_count',
    help: 'Connections to the database.',
    labelNames: [pool, state],
    registers,
    collect() {
      for (const [name, { load }] of Object.entries(pools)) {
        this.set({ [pool]: name, [state]: 'used' }, load.busy)
        this.set({ [pool]: name, [state]: 'idle' }, load.idle)
      }
    },
  })
  new Gauge({
    name: 'db_client_connection_max',
    help: 'Connections to the database that are allowed.',
    labelNames: [pool],
    registers,
    collect() {
      for (const [name, { size }] of Object.entries(pools)) this.set({ [pool]: name }, size)
    },
  })
  new Gauge({
    name: 'db_client_connection_pending_requests',
    help: 'Operations that wait for a connection to the database.',
    labelNames: [pool],
    registers,
    collect() {
      for (const [name, { load }] of Object.entries(pools)) {
        this.set({ [pool]: name }, load.waiting)
      }
    },
  })
}

function measureLookups({ metrics, lookups, inspections }: FastifyInstance): void {
  const registers = [metrics.registry]
  const sizes = new Histogram({
    name: 'gatehouse_lookup_batch_size',
    help: 'Lookups of callers and accounts that share one query.',
    labelNames: ['queue'],
    buckets: BATCH_BUCKETS,
    registers,
  })
  const waits = new Histogram({
    name: 'gatehouse_lookup_batch_wait_seconds',
    help: 'Time from the first lookup of a batch to its query.',
    labelNames: ['queue'],
    buckets: LOOKUP_BUCKETS_S,
    registers,
  })
  const durations = new Histogram({
    name: 'gatehouse_lookup_batch_duration_seconds',
    help: 'Time from the query of a batch to its results.',
    labelNames: ['queue'],
    buckets: LOOKUP_BUCKETS_S,
    registers,
  })
  const queues = Object.entries({ ...lookups.queues, inspections: inspections.queue })
  for (const [queue, batches] of queues) {
    for (const histogram of [sizes, waits, durations]) histogram.zero({ queue })
    const [size, wait, duration] = [
      sizes.labels(queue),
      waits.labels(queue),
      durations.labels(queue),
    ]
    const end = (tookMs: number) => duration.observe(tookMs / MS_PER_S)
    batches.observers.push((lookups, waitedMs) => {
      size.observe(lookups.length)
      wait.observe(waitedMs / MS_PER_S)
      return end
    })
  }
  new Gauge({
    name: 'gatehouse_lookups_waiting',
    help: 'Lookups whose query has not started.',
    labelNames: ['queue'],
    registers,
    collect() {
      for (const [queue, { waiting }] of queues) this.set({ queue }, waiting)
    },
  })
}

function measureHashes({ metrics, passwords: { queue } }: FastifyInstance): void {
  const registers = [metrics.registry]
  new Gauge({
    name: 'gatehouse_password_hashes_running',
    help: 'Password hashes that are computed.',
    registers,
    collect() {
      this.set(queue.load.running)
    },
  })
  new Gauge({
    name: 'gatehouse_password_hashes_waiting',
    help: 'Password hashes that wait for a slot.',
    registers,
    collect() {
      this.set(queue.load.waiting)
    },
  })
  new Gauge({
    name: 'gatehouse_password_hash_slots',
    help: 'Password hashes that can be computed at the same time.',
    registers,
  }).set(queue.concurrency)
  const refused = new Counter({
    name: 'gatehouse_password_hashes_refused_total',
    help: 'Password hashes refused with HASH_CAPACITY, before or after they waited.',
    registers,
  })
  const durations = new Histogram({
    name: 'gatehouse_password_hash_duration_seconds',
    help: 'Time that a password hash or its verification takes, without the wait.',
    buckets: HASH_BUCKETS_S,
    registers,
  })
  const waits = new Histogram({
    name: 'gatehouse_password_hash_wait_seconds',
    help: 'Time that a password hash waited for its slot.',
    buckets: HASH_BUCKETS_S,
    registers,
  })
  queue.observers.push({
    onRefused: () => refused.inc(),
    onStart(waitedMs) {
      waits.observe(waitedMs / MS_PER_S)
      return (tookMs) => durations.observe(tookMs / MS_PER_S)
    },
  })
}
