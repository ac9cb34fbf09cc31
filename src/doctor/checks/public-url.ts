import type { Config } from '../../config/config.ts'
import { VERSION } from '../../config/version.ts'
import { type Answer, describeConnection, send } from '../http/http-request.ts'
import { under } from '../http/url.ts'
import { type Check, fail, ok, warn } from './check.ts'

type Settings = Pick<Config, 'COOKIE_SECURE'>

/**
 * Checks by requests that the URL leads to this version of Gatehouse, and that the proxy passes on
 * what the server needs. It changes nothing.
 *
 * @param url as clients know it, maybe with a path that the proxy removes
 * @returns the checks, and whether the server answered
 */
export async function checkPublicUrl(
  config: Settings,
  url: URL,
): Promise<{ checks: Check[]; isReached: boolean }> {
  const subject = 'public url'
  try {
    const alive = await send(under(url, 'livez'))
    const service = await send(under(url, ''))
    const answer = describeAnswer(alive, service, url)
    const checks = [answer]
    if (answer.status === 'fail') return { checks, isReached: false }
    if (url.protocol === 'https:') checks.push(checkHsts(config, service))
    checks.push(await checkOrigin(url))
    return { checks, isReached: true }
  } catch (error) {
    const { text, todo } = describeConnection(error)
    return { checks: [fail(subject, `${url.href}: ${text}`, todo)], isReached: false }
  }
}

function describeAnswer(alive: Answer, service: Answer, url: URL): Check {
  const subject = 'public url'
  const { location } = alive.headers
  if (location !== undefined && alive.status >= 300 && alive.status < 400) {
    const text = `${url.href} redirects to ${location}`
    return fail(subject, text, 'Run doctor with the URL that clients end up at')
  }
  const gateway = [502, 503, 504].includes(alive.status)
  if (gateway) {
    const text = `the proxy answers ${alive.status}: it does not reach the server`
    const todo = 'Check that the server runs, and that the proxy knows its HOST and PORT'
    return fail(subject, text, todo)
  }
  const { name, version } = service.body
  if (alive.status !== 200 || alive.body.status !== 'alive' || name !== 'Gatehouse') {
    const text = `${url.href} answers ${alive.status}, and it is not Gatehouse`
    return fail(subject, text, 'Check the URL, and the path under which the proxy serves Gatehouse')
  }
  if (version === VERSION) return ok(subject, `${url.href} is Gatehouse ${VERSION}`)
  const text = `${url.href} is Gatehouse ${version}, and this command is of ${VERSION}`
  return warn(subject, text, 'Run doctor of the version that serves')
}

function checkHsts({ COOKIE_SECURE: isSecure }: Settings, { headers }: Answer): Check {
  const subject = 'hsts'
  const isSent = headers['strict-transport-security'] !== undefined
  if (isSent) return ok(subject, 'browsers use TLS only')
  const text = 'responses have no Strict-Transport-Security'
  const todo = isSecure
    ? 'Restart the server with COOKIE_SECURE=true as this command has it, or let the proxy pass the header on'
    : 'Set COOKIE_SECURE=true'
  return warn(subject, text, todo)
}

/** A request with the URL's own origin must pass the check against other sites, and then needs a session. */
async function checkOrigin(url: URL): Promise<Check> {
  const subject = 'own origin'
  const logOut = (origin: string) =>
    send(under(url, 'logout'), { method: 'POST', headers: { origin } })
  const { status, body } = await logOut(url.origin)
  if (status === 401) return ok(subject, `the server knows that it is ${url.origin}`)
  if (status !== 403 || body.code !== 'CROSS_SITE') {
    const found = `POST /logout answers ${status} instead of 401`
    return warn(subject, found, 'Check what the proxy does with POST requests')
  }
  const plain = url.origin.replace(/^https:/, 'http:')
  const knowsHost = plain !== url.origin && (await logOut(plain)).status === 401
  return fail(
    subject,
    `the server treats requests from its own pages at ${url.origin} as cross-site: it does not know its own ${knowsHost ? 'scheme' : 'host'}`,
    knowsHost
      ? "Let the proxy set X-Forwarded-Proto, and set TRUST_PROXY to the proxy's address"
      : 'Let the proxy pass on the header Host of the client',
  )
}
