import { randomBytes, randomInt } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../../db/client.ts'
import * as events from '../../../db/queries/events.ts'
import { findAttempts } from '../../../db/queries/throttle.ts'
import { AddressRanges } from '../../../plugins/addresses/ranges.ts'
import { addressRange } from '../../../routes/common/address-range.ts'
import { type Config, splitList } from '../../config/config.ts'
import { withoutMapping } from '../http/address.ts'
import { type Answer, send } from '../http/http-request.ts'
import { under } from '../http/url.ts'
import { type Check, fail, ok, warn } from './check.ts'

type Settings = Pick<Config, 'TRUST_PROXY'>

/** What a login with a forged header showed. */
export interface Sighting {
  /** The address in the audit trail. */
  recorded: string
  /** The address that the request claimed by `X-Forwarded-For`. */
  forged: string
  /** Of this machine, on its connection to the URL. */
  local: string
  /** Of the other side of that connection. */
  remote: string
  /** Whether a proxy answered. The server itself has no TLS, and names no program. */
  isProxied: boolean
}

const SUBJECT = 'client address'
const TRIES = 6
const PAUSE_MS = 200
const EVENTS_READ = 200
/** Not addresses of the Internet (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291). */
const INTERNAL = new AddressRanges([
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['127.0.0.0/8', '::1', 'fc00::/7', 'fe80::/10'],
])

/**
 * Makes one failed login of a random name, with a forged `X-Forwarded-For`, and reads which address
 * the server recorded.
 *
 * @param db the database that the server should use
 */
export async function checkClientAddress(db: Database, config: Settings, url: URL): Promise<Check> {
  const username = `doctor-${randomBytes(8).toString('hex')}`
  const requestId = `doctor-${randomBytes(8).toString('hex')}`
  const forged = `192.0.2.${randomInt(1, 255)}` // TEST-NET-1 (RFC 5737)
  const answer = await send(under(url, 'login'), {
    method: 'POST',
    headers: { 'x-forwarded-for': forged, 'x-request-id': requestId },
    body: { username, password: randomBytes(16).toString('hex') },
  })
  if (answer.body.code !== 'INVALID_CREDENTIALS') {
    const code = answer.body.code === undefined ? '' : ` ${answer.body.code}`
    const text = `is not known: POST /login answers ${answer.status}${code}`
    return warn(
      SUBJECT,
      text,
      'Try again. If it stays, check what the proxy does with POST requests',
    )
  }
  const recorded = await findRecorded(db, { username, requestId, forged, answer })
  if (recorded === undefined) {
    const text = 'is not known: the failed login is not in the database of DATABASE_URL'
    return fail(SUBJECT, text, 'Check that the URL and DATABASE_URL belong to the same instance')
  }
  if (recorded === null) {
    const text = 'is not known: another failed login in the same minute shares the audit-trail row'
    return warn(SUBJECT, text, 'Run doctor again in a minute')
  }
  return describeSighting(config, {
    recorded,
    forged,
    local: answer.localAddress,
    remote: answer.remoteAddress,
    isProxied:
      url.protocol === 'https:' ||
      answer.headers.via !== undefined ||
      answer.headers.server !== undefined,
  })
}

interface Login {
  username: string
  requestId: string
  forged: string
  answer: Answer
}

/**
 * @returns the recorded address; undefined if the login is not in this database; null if it is, but
 *   its address is not known
 */
async function findRecorded(db: Database, login: Login): Promise<string | null | undefined> {
  const { username, requestId, forged, answer } = login
  const ids = [requestId, answer.headers['x-request-id']]
  const filter = { order: 'newest', type: 'login', limit: EVENTS_READ } as const
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all)
  const candidates = [
    ...[forged, answer.localAddress, answer.remoteAddress],
    ...own.map(({ address }) => address),
  ].filter((address) => address !== '')
  for (let tries = 1; ; tries++) {
    const logins = await events.list(db, { ...filter, beyond: undefined, userId: undefined })
    const event = logins.find(({ requestId: id }) => id !== null && ids.includes(id))
    if (event) return withoutMapping(event.address ?? '')
    // Failures of unknown names share a row for a minute. The throttle counts each by itself.
    const found = await findAttempts(db, username, candidates.map(addressRange))
    const address = candidates.find((one) => found.ranges.includes(addressRange(one)))
    if (address !== undefined) return address
    if (found.isAny) return null
    if (tries === TRIES) return undefined
    await sleep(PAUSE_MS) // a cluster may show it later
  }
}

export function describeSighting({ TRUST_PROXY }: Settings, seen: Sighting): Check {
  const { recorded, forged, local, remote, isProxied } = seen
  const trusted = splitList(TRUST_PROXY)
  const proxies = new AddressRanges(trusted)
  if (recorded === forged) {
    if (proxies.has(local) && !proxies.has(forged)) {
      const text = `cannot be checked from here: ${local}, this machine, is in TRUST_PROXY, so the server believes what it sends`
      return warn(SUBJECT, text, 'Run doctor on a machine that is not in TRUST_PROXY')
    }
    return fail(
      SUBJECT,
      'is whatever a client puts into X-Forwarded-For: anyone can evade the rate limit and forge the audit trail',
      trusted.length === 0
        ? 'The running server has a different TRUST_PROXY. Run this command with its settings'
        : `Let the proxy replace X-Forwarded-For or append to it, and have no addresses of clients in TRUST_PROXY=${TRUST_PROXY}`,
    )
  }
  if (trusted.length === 0) {
    if (!isProxied) return ok(SUBJECT, `is the peer's, ${recorded}; no proxy was seen`)
    const text = `all clients share ${recorded}, because TRUST_PROXY is not set: in the rate limit, in login throttling and in the audit trail`
    return warn(SUBJECT, text, `If ${recorded} is the proxy, set TRUST_PROXY=${recorded}`)
  }
  if (recorded === local) return ok(SUBJECT, `is ${recorded}, that of this machine`)
  if (proxies.has(recorded)) {
    const text = `is ${recorded}, which is in TRUST_PROXY: clients share the address of a proxy`
    const todo = 'Let each proxy set X-Forwarded-For to the address that it sees'
    return warn(SUBJECT, text, todo)
  }
  if (recorded === remote || INTERNAL.has(recorded)) {
    const text = `is ${recorded}, and not that of this machine, ${local}: clients may share the address of a proxy`
    return warn(SUBJECT, text, `If ${recorded} is a proxy, add it to TRUST_PROXY`)
  }
  return ok(SUBJECT, `is ${recorded}; compare it with the public address of this machine`)
}
