#!/usr/bin/env node
import cluster from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'
import type { MetricSnapshot } from '../plugins/metrics/snapshot.ts'
import { buildApp } from './app.ts'
import { hashShare, threadsFor, workerCount } from './config/capacity.ts'
import { loadConfig, type ResolvedConfig, readEnvironment } from './config/config.ts'
import { localUrl } from './config/local-url.ts'
import { DATA_FOLDER, hasCurrentSchema, resolveConfig } from './config/resolve.ts'
import { flaskKeyWarnings, loadTestWarnings } from './config/warnings.ts'
import { DATABASE_CLOSE_TIMEOUT_MS } from './embedded-database/embedded-database.ts'
import { Shutdown } from './process/shutdown.ts'
import { type LogStream, logShutdown, openLog } from './server/logger.ts'
import { watchLog } from './server/lost-log.ts'
import { openMetricsServer, processCounts } from './server/metrics-server.ts'
import { checkPort } from './server/port.ts'
import { readyMessages } from './server/ready-messages.ts'
import { sendMetrics, WorkerMetrics } from './server/worker-metrics.ts'
import { obeyPrimary, WORKERS_CLOSE_TIMEOUT_MS, Workers } from './server/workers.ts'

/** Long enough to accept connections that are already in the accept queue. */
const QUIET_MS = 100
/** Gives a client with an open connection time to send its next request. */
const IDLE_MS = 500
/** Every process exits within ten seconds after a signal. */
const SERVE_CLOSE_TIMEOUT_MS = 9_000

/** Open from the first signal that is handled on, unless the settings are not valid. */
let openedLog: FastifyBaseLogger | undefined
/** A start that fails only has its reason on standard error. Workers leave the log to the primary. */
let isReported = false

// A signal reaches every process of a terminal or a service. The workers leave it to the primary.
const shutdown = new Shutdown({
  onSignal: cluster.isPrimary ? 0 : 'ignore',
  announce(signal) {
    openedLog?.info({ signal }, 'Shutting down')
    isReported = true
  },
  report(report) {
    if (openedLog && isReported) logShutdown(openedLog, report)
  },
})
if (cluster.isWorker) obeyPrimary(() => shutdown.exit(0))

start().catch(shutdown.fail)

async function start(): Promise<void> {
  const loaded = loadConfig(readEnvironment())
  const { log, stream } = openLog(loaded)
  openedLog = log
  watchLog(shutdown.fail)
  if (cluster.isPrimary) await checkPort(loaded)
  const { config, embedded } = await shutdown.open(
    resolveConfig(loaded),
    (resolved) => resolved.embedded?.close(),
    { name: 'private database', timeoutMs: DATABASE_CLOSE_TIMEOUT_MS },
  )
  const workers = workerCount(config)
  const isSupervised = cluster.isPrimary && workers > 1
  const url = await (isSupervised ? supervise(config, workers, log) : serve(config, stream))
  if (cluster.isPrimary) {
    isReported = true
    const warnings = [...loadTestWarnings(config), ...flaskKeyWarnings(config)]
    for (const line of warnings) log.warn(line)
    const hasSchema = await hasCurrentSchema(config)
    if (!shutdown.isRunning) return
    const dataFolder = embedded && DATA_FOLDER
    const ready = { config, workers, url, hasCurrentSchema: hasSchema, dataFolder }
    for (const line of readyMessages(ready)) log.info(line)
  }
  embedded?.lost.then(() => {
    log.fatal('The private database server has exited. Start Gatehouse again to recover the data.')
    shutdown.exit(1)
  })
}

/** @returns where this machine reaches the server */
async function serve(config: ResolvedConfig, stream: LogStream): Promise<string> {
  const app = await shutdown.open(
    buildApp(config, stream),
    async (opened) => {
      await opened.connections.drain({ quietMs: QUIET_MS, idleMs: IDLE_MS })
      await opened.close()
    },
    { name: 'server', timeoutMs: SERVE_CLOSE_TIMEOUT_MS },
  )
  if (config.METRICS_PORT !== undefined) {
    const snapshot = () => app.metrics.snapshot()
    if (cluster.isWorker) sendMetrics(snapshot)
    else await serveMetrics(config, app.log, async () => [await snapshot(), processCounts(1, 1)])
  }
  return await app.listen({ host: config.HOST, port: config.PORT })
}

/** @returns where this machine reaches the server, unless only its workers know their port */
async function supervise(
  config: ResolvedConfig,
  count: number,
  log: FastifyBaseLogger,
): Promise<string | undefined> {
  const hashes = hashShare(config, count)
  const workers = new Workers({
    count,
    environment: {
      // Resolved once, by this process.
      DATABASE_URL: config.DATABASE_URL,
      SESSION_SECRET: config.SESSION_SECRET,
      HASH_CONCURRENCY: String(hashes),
      UV_THREADPOOL_SIZE: String(threadsFor(hashes)),
    },
    onExit: (exit) => log.error(exit, 'A worker has exited'),
    onFailure(failedStarts) {
      log.fatal({ failedStarts }, 'No worker can start')
      shutdown.exit(1)
    },
  })
  await shutdown.open(workers.start(), () => workers.stop(), {
    name: 'workers',
    timeoutMs: WORKERS_CLOSE_TIMEOUT_MS,
  })
  const workerMetrics = new WorkerMetrics(() => workers.listening)
  await serveMetrics(config, log, async () => {
    const { answered, metrics } = await workerMetrics.collect()
    return [...metrics, processCounts(count, answered)]
  })
  log.info({ workers: count, hashesEach: hashes }, 'All workers serve')
  return config.PORT === 0 ? undefined : localUrl(config)
}

/** Serves the metrics of all processes, if they are wanted. The primary process calls it. */
async function serveMetrics(
  { METRICS_HOST: host, METRICS_PORT: port }: ResolvedConfig,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
  collect: () => Promise<MetricSnapshot[][]>,
): Promise<void> {
  if (port === undefined) return
  const onError = (err: unknown) => log.error({ err }, 'The metrics were not collected')
  const opening = openMetricsServer({ host, port, collect, onError })
  const { url } = await shutdown.open(opening, (server) => server.close(), { name: 'metrics' })
  log.info(`Metrics at ${url}`)
}
