import { FifoMap } from 'toad-cache'
import { isScope } from '../../plugins/auth/scopes.ts'

/** What a proxy requires of the caller. */
export interface Requirements {
  role: 'user' | 'admin' | undefined
  /** A limited token needs all of them. */
  scopes: string[]
  /** Whether a request without a valid credential passes, without an identity. */
  allowsAnonymous: boolean
}

/** The operator's part, and the path that a proxy appends, which its client has chosen. */
const URL_PARTS = /^\/verify(?:;([^/?]*))?(?:\?(.*)|(\/.*))?$/s

const NAMES = ['role', 'scope', 'anonymous']

/** Each proxy sends the same text with every request. */
const parsed = new FifoMap<Requirements>(1_000)

/**
 * Reads what the operator has configured: the query of `/verify?role=admin`. For proxies that append the
 * path and the query of their client, it stands before the first slash, as in `/verify;role=admin/orders`:
 * what follows the slash is the client's, so it is ignored.
 *
 * @param url path and query of the request
 * @returns undefined if the configuration has an unknown name or value, or contradicts itself
 */
export function readRequirements(url: string): Requirements | undefined {
  const [matched, parameters, query, appended] = URL_PARTS.exec(url) ?? []
  if (matched === undefined || (parameters !== undefined && query !== undefined)) return undefined
  const text = appended === undefined ? (query ?? parameters ?? '') : (parameters ?? '')
  const known = parsed.get(text)
  if (known) return known
  const requirements = parse(new URLSearchParams(text.replaceAll(';', '&')))
  if (requirements) parsed.set(text, requirements)
  return requirements
}

function parse(given: URLSearchParams): Requirements | undefined {
  for (const name of given.keys()) if (!NAMES.includes(name)) return undefined
  const roles = given.getAll('role')
  const scopes = given.getAll('scope').flatMap((list) => list.split(' '))
  const anonymous = given.getAll('anonymous')
  const [role, ...otherRoles] = roles
  if (otherRoles.length > 0 || (role !== undefined && role !== 'user' && role !== 'admin')) {
    return undefined
  }
  if (!scopes.every(isScope)) return undefined
  if (anonymous.length > 1 || (anonymous[0] ?? 'allow') !== 'allow') return undefined
  const allowsAnonymous = anonymous.length === 1
  if (allowsAnonymous && (role !== undefined || scopes.length > 0)) return undefined
  return { role, scopes, allowsAnonymous }
}
