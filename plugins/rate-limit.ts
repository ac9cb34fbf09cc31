import { BlockList, isIPv6 } from 'node:net'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import { pathOf } from './errors/error-handler.ts'
import { errors } from './errors/errors.ts'

export interface RateLimitOptions {
  /** Requests per window. */
  max: number
  windowMs: number
  /** Addresses and CIDRs without a limit. */
  allowed: string[]
  /** Holds the counters of all instances. Without it, each process has its own. */
  redisUrl: string | undefined
}

const REDIS_TIMEOUT_MS = 500

/**
 * Limits the requests of each address, before any expensive work. An IPv6 address counts as its
 * /64, which is what one subscriber is given (RFC 6177). Routes with `config.rateLimit: false` have
 * no limit. While Redis is unavailable nothing is limited, and the log says so.
 */
export default fp<RateLimitOptions>(
  async (app, { max, windowMs, allowed, redisUrl }) => {
    const exempt = toBlockList(allowed)
    const isExempt = ({ clientAddress = '' }: FastifyRequest) =>
      exempt.check(clientAddress, familyOf(clientAddress))
    // By URL, because `request.routeOptions` builds an object at each read.
    const unlimited = new Set<string>()
    app.addHook('onRoute', ({ url, config }) => {
      if (config?.rateLimit === false) unlimited.add(url)
    })
    const redis = redisUrl === undefined ? undefined : await createClient(redisUrl)
    if (redis) logAvailability(app, redis)
    app.addHook('onClose', async () => redis?.disconnect())
    await redis?.connect().catch(() => undefined) // it is logged, and the client retries

    await app.register(rateLimit, {
      global: false, // it would add a hook to each route, after the guards
      max,
      timeWindow: windowMs,
      ...(redis && { redis, skipOnError: true }),
      enableDraftSpec: true, // the names of the IETF's draft: `ratelimit-limit` and so on
      keyGenerator: ({ clientAddress = '' }) => normalizeIP(clientAddress),
      allowList: (request: FastifyRequest) =>
        unlimited.has(pathOf(request.url)) || (allowed.length > 0 && isExempt(request)),
      errorResponseBuilder: () => new errors.TOO_MANY_REQUESTS(),
    })
    app.addHook('onRequest', app.rateLimit())
  },
  { name: 'rate-limit', dependencies: ['client-address', 'response-headers'] },
)

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

function toBlockList(ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = familyOf(address)
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

function familyOf(address: string) {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
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
