import { FifoMap } from 'toad-cache'
import type { Role } from '../../db/schema.ts'
import { isScope } from '../../plugins/auth/scopes.ts'

/** What a proxy requires of the caller. */
export interface Requirements {
  role: Role | undefined
  /** A limited token needs all of them. */
  scopes: string[]
  /** Whether a request without a valid credential passes, without an identity. */
  allowsAnonymous: boolean
}

const PATH = '/verify'
const NAMES = ['role', 'scope', 'anonymous']

/** The operator's part before the first slash, and what follows it, which the proxy's client has chosen. */
const APPENDED = /^\/verify(?:;([^/?#]*))?(?:\/|$)(.*)/s
/** What an operator writes by mistake: after the slash it would require nothing. A client's path begins with a slash. */
const MISPLACED = /^[?;]/
/** A query that `readRequirements` refuses. */
const REFUSED = `${PATH}?/`

/** Each proxy sends the same text with every request. */
const parsed = new FifoMap<Requirements>(1_000)

/**
 * Moves the requirements of `/verify;role=admin/orders?x=1` to the query, and drops what a proxy has appended.
 * It runs before the routing, because a client's path may be one that no router decodes.
 *
 * @param url path and query of any request
 * @returns `/verify?role=admin` for the example; other URLs unchanged
 */
export function withoutAppendedPath(url: string): string {
  if (!url.startsWith(PATH) || url.length === PATH.length || url[PATH.length] === '?') return url
  const [matched, parameters, appended = ''] = APPENDED.exec(url) ?? []
  if (matched === undefined) return url.startsWith(`${PATH};`) ? REFUSED : url
  if (MISPLACED.test(appended)) return REFUSED
  return parameters ? `${PATH}?${parameters}` : PATH
}

/**
 * Reads what the operator has configured: the query of `/verify?role=admin`.
 *
 * Caddy keeps the query of its client if the operator has configured none, and sends it in `X-Forwarded-Uri` too.
 * If that query alone would permit anonymous requests, they are not permitted: who configured none wants a login.
 *
 * @param url path and query of the request, without an appended path
 * @param clientUrl path and query that the proxy has received, if it sends them
 * @returns undefined if it has an unknown name or value, or contradicts itself: a typing error opens no page
 */
export function readRequirements(
  url: string,
  clientUrl: string | string[] | undefined,
): Requirements | undefined {
  const requirements = read(url)
  if (!requirements?.allowsAnonymous || clientUrl === undefined) return requirements
  const queries = [clientUrl].flat().map((text) => text.replace(/^[^?]*\??/, ''))
  const isCopied = queries.some((query) => parse(paramsOf(query))?.allowsAnonymous)
  return isCopied ? { ...requirements, allowsAnonymous: false } : requirements
}

function read(url: string): Requirements | undefined {
  if (url !== PATH && !url.startsWith(`${PATH}?`)) return undefined
  const text = url.slice(PATH.length + 1)
  const known = parsed.get(text)
  if (known) return known
  const requirements = parse(paramsOf(text))
  if (requirements) parsed.set(text, requirements)
  return requirements
}

function paramsOf(text: string): URLSearchParams {
  return new URLSearchParams(text.replaceAll(';', '&'))
}

function parse(given: URLSearchParams): Requirements | undefined {
  for (const name of given.keys()) if (!NAMES.includes(name)) return undefined
  const [role, ...otherRoles] = given.getAll('role')
  if (otherRoles.length > 0 || (role !== undefined && role !== 'user' && role !== 'admin')) {
    return undefined
  }
  const scopes = given.getAll('scope').flatMap((list) => list.split(' '))
  if (!scopes.every(isScope)) return undefined
  const anonymous = given.getAll('anonymous')
  if (anonymous.length > 1 || (anonymous[0] ?? 'allow') !== 'allow') return undefined
  const allowsAnonymous = anonymous.length === 1
  if (allowsAnonymous && (role !== undefined || scopes.length > 0)) return undefined
  return { role, scopes, allowsAnonymous }
}
