import { getDomain } from 'tldts'
import { type Config, splitList } from '../../config/config.ts'
import { type Check, fail, ok, warn } from './check.ts'

type Settings = Pick<Config, 'ALLOWED_ORIGINS' | 'COOKIE_SAME_SITE' | 'COOKIE_SECURE'>

/** Compares the settings of the cookie with the URL that clients use. */
export function checkCookie(config: Settings, url: URL): Check[] {
  return [checkSecure(config, url), ...checkOrigins(config, url)]
}

function checkSecure({ COOKIE_SECURE: isSecure }: Settings, url: URL): Check {
  const subject = 'cookie'
  const isTls = url.protocol === 'https:'
  if (isTls === isSecure) {
    return ok(subject, `COOKIE_SECURE=${isSecure} fits ${url.origin}`)
  }
  if (isTls) {
    const text = 'COOKIE_SECURE=false: clients also send the session cookie without TLS'
    return warn(subject, text, 'Set COOKIE_SECURE=true. Users log in again')
  }
  if (isLoopback(url.hostname)) {
    const text = `COOKIE_SECURE=true: of browsers at ${url.origin}, Chrome and Firefox accept the cookie, others may not`
    return warn(subject, text, 'Set COOKIE_SECURE=false for development without TLS')
  }
  return fail(
    subject,
    `COOKIE_SECURE=true, and ${url.origin} has no TLS: clients never send the session cookie`,
    'Put a proxy with TLS in front of the server, and run doctor with its https URL',
  )
}

function checkOrigins(config: Settings, url: URL): Check[] {
  const subject = 'allowed origins'
  const origins = splitList(config.ALLOWED_ORIGINS).map((origin) => new URL(origin))
  const foreign = origins.filter((origin) => !isSameSite(origin, url))
  const isLax = config.COOKIE_SAME_SITE === 'lax'
  const checks: Check[] = []
  for (const { origin, protocol } of isLax ? foreign : []) {
    const reason =
      protocol === url.protocol
        ? 'is another site'
        : `has another scheme, which makes it another site`
    const text = `${origin} ${reason} than ${url.origin}: browsers do not send the cookie with its requests`
    const todo =
      protocol === url.protocol
        ? 'Set COOKIE_SAME_SITE=none, or serve both under one registrable domain'
        : 'Serve both by TLS, or neither'
    checks.push(warn(subject, text, todo))
  }
  for (const { origin } of origins.filter(({ protocol, hostname }) => {
    return url.protocol === 'https:' && protocol === 'http:' && !isLoopback(hostname)
  })) {
    const text = `${origin} has no TLS: anyone on the network can change its pages, and act as its users`
    checks.push(warn(subject, text, 'Serve it by TLS, and allow its https origin'))
  }
  if (!isLax && foreign.length === 0) {
    const text = 'COOKIE_SAME_SITE=none, although every allowed origin is the same site'
    checks.push(warn(subject, text, 'Set COOKIE_SAME_SITE=lax'))
  }
  if (checks.length > 0) return checks
  return [
    ok(
      subject,
      origins.length === 0
        ? 'there are none'
        : 'browsers send the session cookie with requests from these origins',
    ),
  ]
}

/**
 * By registrable domain and scheme, as browsers compare (RFC 6265bis 5.2). The public suffix list
 * includes suffixes of companies, such as `github.io`.
 */
export function isSameSite(one: URL, other: URL): boolean {
  if (one.protocol !== other.protocol) return false
  const site = ({ hostname }: URL) => getDomain(hostname, { allowPrivateDomains: true }) ?? hostname
  return site(one) === site(other)
}

/** The hosts for which Chrome and Firefox accept a `Secure` cookie without TLS. */
function isLoopback(hostname: string): boolean {
  return /^(?:.+\.)?localhost$|^127\.|^\[::1\]$/.test(hostname)
}
