import type { Actor } from '../../db/queries/authority.ts'

export const IDENTITY_HEADERS = [
  'x-gatehouse-user-id',
  'x-gatehouse-username',
  'x-gatehouse-role',
  'x-gatehouse-credential',
  'x-gatehouse-scopes',
] as const

/** No scope: it has no prefix. Not empty, so that no limit differs from a header that a proxy has lost. */
const NOT_LIMITED = '*'

/** What a header cannot carry, and the percent sign that stands for it. */
const UNSAFE = /[^\x21-\x24\x26-\x7e]/gu

const ANONYMOUS: Record<(typeof IDENTITY_HEADERS)[number], string> = {
  'x-gatehouse-user-id': '',
  'x-gatehouse-username': '',
  'x-gatehouse-role': '',
  'x-gatehouse-credential': '',
  'x-gatehouse-scopes': '',
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
    'x-gatehouse-user-id': String(id),
    // Imported names can have any character.
    'x-gatehouse-username': username.replace(UNSAFE, encodeURIComponent),
    'x-gatehouse-role': role,
    'x-gatehouse-credential': credential.kind,
    'x-gatehouse-scopes': scopes?.join(' ') ?? NOT_LIMITED,
  }
}
