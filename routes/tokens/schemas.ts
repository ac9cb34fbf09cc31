import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { TokenRecord } from '../../db/queries/tokens.ts'
import {
  MAX_SCOPE_LENGTH,
  MAX_SCOPES,
  OWN_SCOPES,
  SCOPE_PATTERN,
} from '../../plugins/auth/scopes.ts'
import { page } from '../common/pages.ts'
import { closedObject, Id, nullable, Timestamp } from '../common/schemas.ts'

/** No control characters, and none that change the direction of text. Every regex dialect reads it. */
const NAME = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]+$'

const TokenName = Type.String({ examples: ['nightly job'] })

const NewTokenName = {
  ...TokenName,
  minLength: 1,
  maxLength: 100,
  pattern: NAME,
  description: 'without control characters',
}

export function isNewTokenName(text: string): boolean {
  return text.isWellFormed() && Value.Check(NewTokenName, text)
}

const Scope = Type.String({ pattern: SCOPE_PATTERN, examples: ['accounts:read'] })
const NewScope = { ...Scope, minLength: 1, maxLength: MAX_SCOPE_LENGTH }

const scopeList = { minItems: 1, uniqueItems: true }

export const Token = Type.Object(
  {
    id: Id,
    name: TokenName,
    scopes: {
      ...nullable(Type.Array(Scope, scopeList)),
      description: 'What the token may do; null for all that its owner may',
    },
    createdAt: Timestamp,
    expiresAt: nullable(Timestamp),
    lastUsedAt: nullable(Timestamp),
  },
  { $id: 'Token', description: 'A token of a machine client, without the secret' },
)

export const IssuedToken = Type.Object(
  {
    ...Token.properties,
    token: Type.String({ pattern: '^gh_[A-Za-z0-9_-]+$' }),
  },
  { $id: 'IssuedToken', description: 'The only response that holds the secret token itself' },
)

export const TokenRequest = closedObject(
  {
    name: NewTokenName,
    scopes: Type.Optional({
      ...Type.Array(NewScope, { ...scopeList, maxItems: MAX_SCOPES }),
      description: `What the token may do. Without it, all that its owner may. Gatehouse has the scopes ${OWN_SCOPES.map((scope) => `\`${scope}\``).join(', ')}. Scopes of other services have a prefix of their own, such as \`orders:read\``,
    }),
    expiresAt: Type.Optional({
      ...Timestamp,
      maxLength: 40,
      description: 'In the future, at most ten years ahead. Without it, the token does not expire',
      examples: ['2030-01-01T00:00:00Z'],
    }),
  },
  { $id: 'TokenRequest', description: 'The new token' },
)

export const TokenPage = page('TokenPage', Token)

const MAX_LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1_000

/** Whether a token may expire then: in the future, at most ten years ahead. */
export function isTokenExpiry(date: Date): boolean {
  const aheadMs = date.getTime() - Date.now()
  return aheadMs > 0 && aheadMs <= MAX_LIFETIME_MS
}

export function toToken(token: TokenRecord): Static<typeof Token> {
  return { ...token, scopes: token.scopes && [...token.scopes] }
}
