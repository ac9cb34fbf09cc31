#!/usr/bin/env node
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { loadConfig, readEnvironment } from './config.ts'
import { describeFailure } from './failure.ts'
import { DATA_FOLDER, settle } from './settle.ts'

const CLOSE_TIMEOUT_MS = 10_000

/** What to close, last opened first. */
const closers: (() => Promise<unknown>)[] = []

// It also takes what `start` throws: reported, everything closed, exit code 1.
closeWithGrace({ delay: CLOSE_TIMEOUT_MS }, async ({ err }) => {
  if (err) console.error(describeFailure(err))
  for (const closer of closers.reverse()) await closer()
})

await start()

async function start(): Promise<void> {
  const { config, embedded } = await settle(loadConfig(readEnvironment()))
  if (embedded) closers.push(embedded.close)
  const app = await buildApp(config)
  closers.push(() => app.close())
  await app.listen({ host: config.HOST, port: config.PORT })
  if (!embedded) return

  app.log.info(`The data is in ${DATA_FOLDER}`)
  app.log.info('An admin is made by: npm run --silent gatehouse -- user create NAME --role admin')
  embedded.lost.then(() => {
    throw new Error('The database server has ended; start again to recover.')
  })
}
