import type { FastifyReply } from 'fastify'
import { type Database, forRequest } from '../../db/client.ts'

/** What a handler works with, bounded by its request. */
export interface Work {
  /** Its operations share one time limit. A transaction isn't committed once the client is gone. */
  db: Database
  /**
   * Aborts when the client closes the connection, and also after the response. Fastify's own
   * `request.signal` aborts as soon as the body is read.
   */
  signal: AbortSignal
}

export function workOf({ raw, server }: FastifyReply): Work {
  const controller = new AbortController()
  if (raw.closed) controller.abort()
  else raw.once('close', () => controller.abort())
  const { signal } = controller
  return { db: forRequest(server.db, signal), signal }
}
