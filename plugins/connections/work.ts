import type { FastifyReply } from 'fastify'
import { type Database, forRequest } from '../../db/client.ts'
import { connectionOf } from './connection.ts'

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

const works = new WeakMap<FastifyReply, Work>()

/** @returns the work of the request of this reply, always the same */
export function workOf(reply: FastifyReply): Work {
  const known = works.get(reply)
  if (known) return known
  const work = begin(reply)
  works.set(reply, work)
  return work
}

function begin({ raw, server }: FastifyReply): Work {
  const controller = new AbortController()
  const { signal } = controller
  const { socket } = raw.req
  if (raw.closed || socket.destroyed) controller.abort()
  else {
    // A pipelined response emits no `close` before its turn.
    const removeListener = connectionOf(socket)?.onClose(() => controller.abort())
    raw.once('close', () => {
      removeListener?.()
      controller.abort()
    })
  }
  return { db: forRequest(server.db, signal), signal }
}
