import type { Actor } from '../../db/queries/authority.ts'

/** What a header cannot carry, and the percent sign that stands for it. */
const UNSAFE = /[^\x21-\x24\x26-\x7e]/gu

/**
 * The headers that a proxy passes on. Each is always present, and empty without a value, so that a proxy
 * overwrites what its client has sent.
 *
 * @param actor undefined for a request without an identity
 */
export function identityHeaders(actor: Actor | undefined): Record<string, string> {
  const scopes = actor?.credential.kind === 'token' ? actor.credential.scopes : undefined
  return {
    'x-gatehouse-user-id': actor === undefined ? '' : String(actor.id),
    // Imported names can have any character.
    'x-gatehouse-username': actor?.username.replace(UNSAFE, encodeURIComponent) ?? '',
    'x-gatehouse-role': actor?.role ?? '',
    'x-gatehouse-credential': actor?.credential.kind ?? '',
    'x-gatehouse-scopes': scopes?.join(' ') ?? '',
  }
}
