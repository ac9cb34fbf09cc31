import type { TestContext } from 'node:test'
import { Client } from './clients/client.ts'
import { Observer } from './clients/observer.ts'
import { type DatabaseServer, startDatabaseServer } from './database/database-server.ts'
import { createFaultLink, type FaultLink } from './database/fault-link.ts'
import { type Gatehouse, startGatehouse } from './server/gatehouse.ts'

interface SceneOptions {
  environment?: Record<string, string>
  database?: DatabaseServer
  /** Without the link in between. */
  isDirect?: boolean
  /** The longest time to an answer. */
  limitMs?: number
}

export type Scene = Awaited<ReturnType<typeof arrange>>

/** The folder that run.ts fills. */
export const TEMPLATE = process.env.FAULTS_TEMPLATE ?? ''
if (TEMPLATE === '') throw new Error('run the fault tests by `npm run test:faults`')

/** @returns the duration or count of this run: the short one, or the one of the standard */
export function scaled(short: number, full: number): number {
  return process.env.FAULTS_FULL === '1' ? full : short
}

/**
 * Starts a database server, a link to it and a server under test. All of them are killed after the
 * test.
 */
export async function arrange(t: TestContext, options: SceneOptions = {}) {
  const database = options.database ?? (await startDatabaseServer(t, TEMPLATE))
  const link = await createFaultLink(t, database)
  const url = options.isDirect ? database.url() : link.url
  const server = await startGatehouse(t, url, options.environment)
  return withClient(t, { database, link, server }, options.limitMs)
}

interface Parts {
  database: DatabaseServer
  link: FaultLink
  server: Gatehouse
}

/** Adds a client of the server to the parts of a scene. */
export function withClient(t: TestContext, parts: Parts, limitMs?: number) {
  const observer = new Observer(limitMs)
  const client = new Client(parts.server.url, observer)
  t.after(() => client.close())
  return { ...parts, observer, client }
}
