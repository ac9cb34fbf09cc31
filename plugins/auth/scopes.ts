import { FifoMap } from 'toad-cache'
import type { Inspection } from '../../db/lookups/inspections.ts'
import type { Credential } from '../../db/queries/authority.ts'
import { AddressRanges } from '../addresses/ranges.ts'

/** The scopes of Gatehouse's own operations. */
export const OWN_SCOPES = [
  'accounts:read',
  'accounts:write',
  'sessions',
  'tokens',
  'events:read',
  'introspect',
] as const

export type OwnScope = (typeof OWN_SCOPES)[number]

export function isOwnScope(text: string | undefined): text is OwnScope {
  return OWN_SCOPES.some((scope) => scope === text)
}

/** With MAX_SCOPE_LENGTH, few enough for the detail of an event. */
export const MAX_SCOPES = 20
export const MAX_SCOPE_LENGTH = 32
/** A scope of another service, such as `orders:read`: the name of the service, and what it allows. */
export const SCOPE_PATTERN = '^[a-z][a-z0-9_-]*(:[a-z0-9_.-]+)*$'
/** The first words of our own scopes. Those of other services must differ, so that they cannot be mistaken for ours. */
const RESERVED = new Set(OWN_SCOPES.map((scope) => scope.split(':', 1)[0]))

const PATTERN = new RegExp(SCOPE_PATTERN)

/** @returns whether a token can have the scope */
export function isScope(text: string): boolean {
  if (text.length > MAX_SCOPE_LENGTH || !PATTERN.test(text)) return false
  if (isOwnScope(text)) return true
  const [service, ...rest] = text.split(':')
  return rest.length > 0 && !RESERVED.has(service)
}

/**
 * A scope limits a token. A session, and a token without scopes, may do all that the account may.
 *
 * @returns whether the credential may be used for what needs the scope
 */
export function allows(credential: Credential, scope: string): boolean {
  return credential.kind === 'session' || (credential.scopes?.includes(scope) ?? true)
}

/** Parsed lists of address ranges: an installation has a few service accounts. */
const parsed = new FifoMap<AddressRanges>(1_000)

/** @returns whether a credential may be used from an address */
export function mayComeFrom(
  credential: Credential | Pick<Inspection, 'addressRanges'>,
  address: string | undefined,
): boolean {
  const text = 'addressRanges' in credential ? credential.addressRanges : undefined
  if (text === undefined) return true
  const known = parsed.get(text)
  const ranges = known ?? new AddressRanges(text.split(' '))
  if (!known) parsed.set(text, ranges)
  return ranges.has(address)
}
