import { BlockList, isIPv6 } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import { LruMap } from 'toad-cache'
import { addressRange, clientAddress } from './client-address.ts'
import { errors } from './errors/errors.ts'

export interface RateLimitOptions {
  max: number
  windowMs: number
  /** Addresses and CIDRs that aren't limited. */
  allowed: string[]
  /** Where the counters are, for all instances; without it, in this process. */
  redisUrl: string | undefined
}

const REDIS_TIMEOUT_MS = 500
const KNOWN_ADDRESSES = 1_000

/**
 * Holds each address to a number of requests, before anything dear. If Redis is away, requests go
 * on without a limit, and the log says so.
 */
export default fp<RateLimitOptions>(
  async (app, { max, windowMs, allowed, redisUrl }) => {
    const exempt = toBlockList(allowed)
    const rangeOf = remembered((address) => addressRange(address, 4))
    const redis = redisUrl === undefined ? undefined : await createClient(redisUrl)
    if (redis) sayWhenAway(app, redis)
    app.addHook('onClose', async () => redis?.disconnect())
    await redis?.connect().catch(() => undefined) // the log has it; it goes on trying

    await app.register(rateLimit, {
      global: false, // it would hook into each route, behind the guards
      max,
      timeWindow: windowMs,
      ...(redis && { redis, skipOnError: true }),
      enableDraftSpec: true, // the names of the IETF's draft: `ratelimit-limit` and so on
      keyGenerator: (request) => rangeOf(clientAddress(request) ?? ''),
      ...(allowed.length > 0 && {
        allowList: (request: FastifyRequest) => {
          const address = clientAddress(request) ?? ''
          return exempt.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
        },
      }),
      errorResponseBuilder: () => new errors.TOO_MANY_REQUESTS(),
    })
    app.addHook('onRequest', app.rateLimit())
  },
  { name: 'rate-limit', dependencies: ['response-headers'] },
)

/** @returns the function `range`, with the ranges of the addresses seen last at hand */
function remembered(range: (address: string) => string): (address: string) => string {
  const known = new LruMap<string>(KNOWN_ADDRESSES)
  return (address) => {
    let found = known.get(address)
    if (found === undefined) {
      found = range(address)
      known.set(address, found)
    }
    return found
  }
}

/** Loads the client only where it is wanted: it takes 5 MB. */
async function createClient(url: string): Promise<Redis> {
  const { Redis } = await import('ioredis')
  return new Redis(url, {
    connectTimeout: REDIS_TIMEOUT_MS,
    socketTimeout: REDIS_TIMEOUT_MS, // one that hangs is left, and holds up no other request
    enableOfflineQueue: false,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
  })
}

function toBlockList(ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Once each time that it goes, not for each request or attempt to reconnect. */
function sayWhenAway(app: FastifyInstance, redis: Redis): void {
  let isAway = false
  let isClosing = false
  let reason = ''
  app.addHook('preClose', async () => {
    isClosing = true
  })
  redis.on('error', (error) => {
    reason = error.message // it closes next
  })
  redis.on('close', () => {
    if (!isAway && !isClosing) {
      app.log.warn({ reason }, 'Redis is away: requests go on without a limit')
    }
    isAway = true
  })
  redis.on('ready', () => {
    if (isAway) app.log.info('Redis is back')
    isAway = false
  })
}
