#!/usr/bin/env node
import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { describeFailure } from './cli/failure.ts'
import { hashShare, threadsFor, workerCount } from './config/capacity.ts'
import { loadConfig, type ResolvedConfig, readEnvironment } from './config/config.ts'
import { localUrl } from './config/local-url.ts'
import { DATA_FOLDER, resolveConfig } from './config/resolve.ts'
import { loadTestWarnings } from './config/warnings.ts'
import { loggerOptions, standardOutput } from './server/logger.ts'
import { checkPort } from './server/port.ts'
import { readyMessages } from './server/ready-messages.ts'
import { obeyPrimary, SIGNALS_OF_THE_PRIMARY, startWorkers } from './server/workers.ts'

const CLOSE_TIMEOUT_MS = 10_000
/** Closing drops connections without a request: those whose request has arrived are read by then. */
const LAST_READS_MS = 100

/** What to close, last opened first. */
const closers: (() => Promise<unknown>)[] = []

// It also takes what `start` throws: reported, everything closed, exit code 1.
const skip = cluster.isWorker ? [...SIGNALS_OF_THE_PRIMARY] : []
const grace = closeWithGrace({ delay: CLOSE_TIMEOUT_MS, skip }, async ({ err }) => {
  if (err) console.error(describeFailure(err))
  for (const closer of closers.reverse()) await closer()
})
if (cluster.isWorker) obeyPrimary(grace.close)

await start()

async function start(): Promise<void> {
  const loaded = loadConfig(readEnvironment())
  if (cluster.isPrimary) await checkPort(loaded)
  const { config, embedded } = await resolveConfig(loaded)
  if (embedded) closers.push(embedded.close)
  const count = workerCount(config)
  const { log, url } =
    cluster.isPrimary && count > 1 ? await supervise(config, count) : await serve(config)
  if (cluster.isPrimary) {
    for (const line of loadTestWarnings(config)) log.warn(line)
    const dataFolder = embedded && DATA_FOLDER
    for (const line of readyMessages({ config, url, dataFolder })) log.info(line)
  }
  embedded?.lost.then(() => {
    throw new Error('The database server has ended; start again to recover.')
  })
}

async function serve(config: ResolvedConfig) {
  const app = await buildApp(config)
  closers.push(async () => {
    await sleep(LAST_READS_MS)
    await app.close()
  })
  const url = await app.listen({ host: config.HOST, port: config.PORT })
  return { log: app.log, url }
}

async function supervise(config: ResolvedConfig, count: number) {
  const { stream, ...options } = loggerOptions(config, standardOutput())
  const log = pino(options, stream)
  const hashes = hashShare(config, count)
  const workers = await startWorkers({
    count,
    environment: {
      // Resolved once, by this process.
      DATABASE_URL: config.DATABASE_URL,
      SESSION_SECRET: config.SESSION_SECRET,
      HASH_CONCURRENCY: String(hashes),
      UV_THREADPOOL_SIZE: String(threadsFor(hashes)),
    },
    onDeath: (death) => log.error(death, 'a worker has died'),
  })
  closers.push(workers.stop)
  log.info({ workers: count, hashesEach: hashes }, 'All workers serve')
  return { log, url: config.PORT === 0 ? undefined : localUrl(config) }
}
