#!/usr/bin/env node
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { ConfigError, loadConfig, readEnvironment } from './config.ts'
import { DATA_FOLDER, settle } from './settle.ts'

const CLOSE_TIMEOUT_MS = 10_000

/** What to close, last opened first. */
const closers: (() => Promise<unknown>)[] = []

const { close } = closeWithGrace({ delay: CLOSE_TIMEOUT_MS }, async ({ err }) => {
  if (err) report(err)
  for (const closer of closers.reverse()) await closer()
})

try {
  await start()
} catch (error) {
  report(error)
  process.exitCode = 1
  await close()
}

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
    throw new Error('the database server has ended; start again to recover')
  })
}

/** One line for what the operator can mend, the whole error for what only a programmer can. */
function report(error: unknown): void {
  const isOperators = error instanceof ConfigError || (error instanceof Error && 'code' in error)
  console.error(isOperators ? error.message : error)
}
