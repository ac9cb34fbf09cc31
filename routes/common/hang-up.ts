import type { FastifyReply } from 'fastify'

/**
 * @returns a signal that aborts when the client closes the connection, and also after the response.
 * Fastify's own `request.signal` aborts as soon as the body is read
 */
export function hangUpOf({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  if (raw.closed) controller.abort()
  else raw.once('close', () => controller.abort())
  return controller.signal
}
