import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { AddressRanges } from '../addresses/ranges.ts'
import { pathOf } from '../errors/error-handler.ts'
import { errors } from '../errors/errors.ts'
import { FailureLimit } from './failures.ts'
import { countInMemory, type Usage } from './memory.ts'
import { countInRedis } from './redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined if requests are not limited. */
    failureLimit?: FailureLimit
  }
}

export interface RateLimitOptions {
  /** Requests per window. */
  max: number
  windowMs: number
  /** Addresses and CIDRs without a limit. */
  allowed: string[]
  /** Holds the counters of all instances. Without it, each process has its own. */
  redisUrl: string | undefined
}

/**
 * Limits the requests of each address, before any expensive work. An IPv6 address counts as its
 * /64, which is what one subscriber is given (RFC 6177). Routes with `config.rateLimit: false` have
 * no limit. While Redis is unavailable nothing is limited, and the log says so.
 */
export default fp<RateLimitOptions>(
  async (app, { max, windowMs, allowed, redisUrl }) => {
    const exempt = new AddressRanges(allowed)
    const isExempt = (address: string) => allowed.length > 0 && exempt.has(address)
    // By URL, because `request.routeOptions` builds an object at each read.
    const unlimited = new Set<string>()
    app.addHook('onRoute', ({ url, config }) => {
      if (config?.rateLimit === false) unlimited.add(url)
    })

    const limit = String(max)
    function apply(reply: FastifyReply, { requests, leftMs }: Usage): Error | undefined {
      const leftS = Math.ceil(leftMs / 1_000)
      // The names of the IETF's draft, draft-ietf-httpapi-ratelimit-headers-07.
      reply
        .header('ratelimit-limit', limit)
        .header('ratelimit-remaining', Math.max(0, max - requests))
        .header('ratelimit-reset', leftS)
      if (requests <= max) return undefined
      reply.header('retry-after', leftS)
      return new errors.TOO_MANY_REQUESTS()
    }

    const isUnlimited = ({ url, clientAddress = '' }: FastifyRequest) =>
      unlimited.has(pathOf(url)) || isExempt(clientAddress)
    if (redisUrl === undefined) {
      // Synchronous: a promise costs more than the rest of the limit.
      const count = countInMemory(windowMs)
      app.decorate('failureLimit', new FailureLimit(count, { max, isExempt }))
      app.addHook('onRequest', (request, reply, done) => {
        done(isUnlimited(request) ? undefined : apply(reply, count(request)))
      })
    } else {
      const count = await countInRedis(app, redisUrl, windowMs)
      app.decorate('failureLimit', new FailureLimit(count, { max, isExempt }))
      app.addHook('onRequest', async (request, reply) => {
        const refusal = isUnlimited(request) ? undefined : apply(reply, await count(request))
        if (refusal) throw refusal
      })
    }
  },
  { name: 'rate-limit', dependencies: ['client-address', 'response-headers'] },
)
