import fp from 'fastify-plugin'
import { AddressRanges } from './addresses/ranges.ts'

export interface ForwardedForOptions {
  /** Addresses and CIDRs of the proxies whose headers are trusted. */
  trusted: string[]
}

/** Peers that are known as trusted. A range can hold more, which are checked each time. */
const MAX_KNOWN = 1_000

/**
 * Warns once per process if a request has an `X-Forwarded-For` that the server ignores: all clients
 * of such a proxy share its address. Any client can send the header, so further requests are not
 * logged.
 */
export default fp<ForwardedForOptions>(
  async (app, { trusted }) => {
    const ranges = new AddressRanges(trusted)
    const known = new Set<string>()
    let isLogged = false
    app.addHook('onRequest', ({ headers, socket }, _reply, done) => {
      if (!isLogged && headers['x-forwarded-for'] !== undefined) check(socket.remoteAddress)
      done()
    })

    function check(peer: string | undefined): void {
      if (peer === undefined || known.has(peer)) return // the client has gone
      if (ranges.has(peer)) {
        if (known.size < MAX_KNOWN) known.add(peer)
        return
      }
      isLogged = true
      app.log.warn(
        { peer },
        trusted.length === 0
          ? `A request has X-Forwarded-For, and TRUST_PROXY is not set: all clients of a proxy share its address. If ${peer} is your proxy, set TRUST_PROXY=${peer}`
          : `A request has X-Forwarded-For, and ${peer} is not in TRUST_PROXY: all clients of a proxy share its address. If ${peer} is your proxy, add it to TRUST_PROXY`,
      )
    }
  },
  { name: 'forwarded-for' },
)
