import { Type } from '@sinclair/typebox'
import { errorResponses, successHeaders } from '../../plugins/openapi/declarations.ts'
import { ref, stringEnum } from '../common/schemas.ts'
import { Role } from '../users/schemas.ts'
import { IDENTITY_HEADERS } from './identity.ts'

export const AnonymousAccess = stringEnum(['allow'], {
  $id: 'AnonymousAccess',
  description:
    'A request without a valid credential passes too, with empty headers. Not together with a role or scopes',
})

/** For the document only: the hook of the route answers before a validation. */
export const verifySchema = {
  operationId: 'verify',
  tags: ['Introspection'],
  summary: 'Verify the credential of a request',
  description:
    'For reverse proxies. Every method has the same effect. A path below it, such as `/verify;role=admin/orders`, is ignored from the first slash on, and the parameters stand before the slash. The body is not read. `role` is the role that the account needs: `user` is any account. A parameter that is unknown, or has an unknown value, is a 503.',
  security: [{ sessionCookie: [] }, { bearerToken: [] }],
  querystring: Type.Object({
    role: Type.Optional(ref(Role)),
    scope: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description: 'The scopes that a limited token needs, separated by spaces',
        examples: ['orders:read'],
      }),
    ),
    anonymous: Type.Optional(ref(AnonymousAccess)),
  }),
  response: {
    200: Type.Null({ description: 'The request may pass. The body is empty' }),
    ...successHeaders(...IDENTITY_HEADERS),
    ...errorResponses(
      'UNAUTHENTICATED',
      'ROLE_MISSING',
      'SCOPE_MISSING',
      'VERIFY_LIMITED',
      'VERIFY_MISCONFIGURED',
    ),
  },
}
