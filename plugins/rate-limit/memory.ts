import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { LruMap } from 'toad-cache'

/** The requests of an address in the current window. */
export interface Usage {
  /** With the current request. */
  requests: number
  /** Until the window ends, in ms. */
  leftMs: number
}

/** How many addresses are counted. Beyond it, the least recently seen one is dropped. */
const MAX_ADDRESSES = 10_000

/** @returns the address, or the /64 of an IPv6 address */
export function keyOf(address: string): string {
  return address.includes(':') ? normalizeIP(address) : address // IPv4 needs no change
}

/**
 * Counts the requests of each address in windows of a fixed length. The first request of an address
 * opens its window.
 *
 * @returns a function that counts a request
 */
export function countInMemory(windowMs: number): (request: FastifyRequest) => Usage {
  const windows = new LruMap<{ requests: number; endsAt: number }>(MAX_ADDRESSES)
  return ({ clientAddress: address = '' }) => {
    const now = performance.now()
    const key = keyOf(address)
    const known = windows.get(key)
    if (known && known.endsAt > now) {
      known.requests++
      return { requests: known.requests, leftMs: known.endsAt - now }
    }
    windows.set(key, { requests: 1, endsAt: now + windowMs })
    return { requests: 1, leftMs: windowMs }
  }
}
