import type { Actor } from '../../db/queries/authority.ts'

/** Fastify sends every name in lower case. */
export const IDENTITY_HEADERS = [
  'X-Gatehouse-User-Id',
  'X-Gatehouse-Username',
  'X-Gatehouse-Role',
  'X-Gatehouse-Credential',
  'X-Gatehouse-Scopes',
] as const

/** No scope: it has no prefix. Not empty, so that no limit differs from a header that a proxy has lost. */
const NOT_LIMITED = '*'

/** What a header cannot carry, and the percent sign that stands for it. */
const UNSAFE = /[^\x21-\x24\x26-\x7e]/gu

const ANONYMOUS: Record<(typeof IDENTITY_HEADERS)[number], string> = {
  'X-Gatehouse-User-Id': '',
  'X-Gatehouse-Username': '',
  'X-Gatehouse-Role': '',
  'X-Gatehouse-Credential': '',
  'X-Gatehouse-Scopes': '',
}

/**
 * The headers that a proxy passes on. Each is always present, so that a proxy overwrites what its client has
 * sent. All are empty without an identity, and none is with one.
 *
 * @param actor undefined for a request without an identity
 */
export function identityHeaders(actor: Actor | undefined): typeof ANONYMOUS {
  if (!actor) return ANONYMOUS
  const { id, username, role, credential } = actor
  const scopes = credential.kind === 'token' ? credential.scopes : undefined
  return {
    'X-Gatehouse-User-Id': String(id),
    // Imported names can have any character.
    'X-Gatehouse-Username': username.replace(UNSAFE, encodeURIComponent),
    'X-Gatehouse-Role': role,
    'X-Gatehouse-Credential': credential.kind,
    'X-Gatehouse-Scopes': scopes?.join(' ') ?? NOT_LIMITED,
  }
}
