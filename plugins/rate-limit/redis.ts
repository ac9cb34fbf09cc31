import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Redis } from 'ioredis'
import type { Usage } from './memory.ts'

const REDIS_TIMEOUT_MS = 500

/**
 * Counts the requests of each address in Redis, for all instances together.
 *
 * @returns a function that counts a request. While Redis is unavailable, it resolves with 0 requests
 */
export async function countInRedis(
  app: FastifyInstance,
  url: string,
  windowMs: number,
): Promise<(request: FastifyRequest) => Promise<Usage>> {
  const redis = await createClient(url)
  logAvailability(app, redis)
  app.addHook('onClose', async () => redis.disconnect())
  await redis.connect().catch(() => undefined) // it is logged, and the client retries
  await app.register(rateLimit, {
    global: false,
    max: Number.MAX_SAFE_INTEGER, // the hook in rate-limit.ts compares
    timeWindow: windowMs,
    redis,
    skipOnError: true,
    keyGenerator: ({ clientAddress = '' }) => normalizeIP(clientAddress),
  })
  const count = app.createRateLimit()
  return async (request) => {
    const counted = await count(request)
    if (counted.isAllowed) throw new Error('unexpected allow-list')
    return { requests: counted.max - counted.remaining, leftMs: counted.ttl }
  }
}

/** Loads the Redis client only if it is configured: it takes 5 MB of memory. */
async function createClient(url: string): Promise<Redis> {
  const { Redis } = await import('ioredis')
  return new Redis(url, {
    connectTimeout: REDIS_TIMEOUT_MS,
    socketTimeout: REDIS_TIMEOUT_MS, // drops a server that hangs
    enableOfflineQueue: false,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
  })
}

/** Logs each loss of Redis once, not each request or attempt to reconnect. */
function logAvailability(app: FastifyInstance, redis: Redis): void {
  let isAway = false
  let isClosing = false
  let reason = ''
  app.addHook('preClose', async () => {
    isClosing = true
  })
  redis.on('error', (error) => {
    reason = error.message // the event `close` follows
  })
  redis.on('close', () => {
    if (!isAway && !isClosing) {
      app.log.warn({ reason }, 'Redis is unavailable: requests are not limited')
    }
    isAway = true
  })
  redis.on('ready', () => {
    if (isAway) app.log.info('Redis is available again')
    isAway = false
  })
}
