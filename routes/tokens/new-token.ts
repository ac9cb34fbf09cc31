import type { Static } from '@sinclair/typebox'
import type * as tokens from '../../db/queries/tokens.ts'
import { isScope } from '../../plugins/auth/scopes.ts'
import type { TokenFormat } from '../../plugins/auth/token-format.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { type IssuedToken, isTokenExpiry, type TokenRequest, toToken } from './schemas.ts'

/**
 * Makes the token that a request wants.
 *
 * @throws VALIDATION_FAILED for what a schema cannot express: text that is not well-formed, an unknown
 *   scope, a timestamp that has passed or is more than ten years ahead
 */
export function newToken(
  format: TokenFormat,
  { name, scopes, expiresAt }: Static<typeof TokenRequest>,
): tokens.NewToken {
  if (!name.isWellFormed()) throw refusedAt('body.name', 'must be well-formed Unicode')
  const unknown = scopes?.findIndex((scope) => !isScope(scope)) ?? -1
  if (unknown >= 0) {
    const text = 'must be a scope of Gatehouse, or of another service, such as orders:read'
    throw refusedAt(`body.scopes.${unknown}`, text)
  }
  const secret = format.create()
  if (expiresAt === undefined) return { secret, name, scopes }
  const date = new Date(expiresAt)
  if (!isTokenExpiry(date)) {
    throw refusedAt('body.expiresAt', 'must be in the future, at most ten years ahead')
  }
  return { secret, name, scopes, expiresAt: date.toISOString() }
}

/** The only response that holds the token. */
export function newTokenResponse(
  token: tokens.TokenRecord,
  secret: string,
): Static<typeof IssuedToken> {
  return { ...toToken(token), token: secret }
}

function refusedAt(path: string, text: string): Error {
  return new errors.VALIDATION_FAILED().at(path, text)
}
