import { Type } from '@sinclair/typebox'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { closedObject, ref, stringEnum } from '../common/schemas.ts'
import { AccountKind, Role } from '../users/schemas.ts'

export const MAX_CREDENTIALS = 100

/**
 * A token, or the value of a session cookie. Its length has no limit of its own, because clients choose it:
 * one that is malformed must not fail the other credentials of its batch.
 */
const CredentialText = Type.String({
  [DOCUMENTED_AS]: Type.String({
    maxLength: 16_384,
    description: 'A token, or the value of a session cookie',
    examples: ['gh_…'],
  }),
})

const ClientAddress = Type.String({
  format: 'address',
  [DOCUMENTED_AS]: Type.String({
    maxLength: 45,
    description:
      'The address that the credential came from. Without it, a token that is limited to addresses is inactive',
    examples: ['192.0.2.7'],
  }),
})

/** RFC 7662 2.1, as a form. */
export const IntrospectionRequest = closedObject(
  {
    token: { ...CredentialText, minLength: 1 },
    token_type_hint: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Has no effect: the server recognises both kinds',
        examples: ['session'],
      }),
    ),
    address: Type.Optional(ClientAddress),
  },
  {
    $id: 'IntrospectionRequest',
    description: 'The credential to inspect. Other parameters are ignored',
  },
)

const SECONDS = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER, format: 'int64' }

export const CredentialType = stringEnum(['Bearer', 'session'], {
  $id: 'CredentialType',
  description: 'The kind of a credential: `Bearer` is a token',
})

/** RFC 7662 2.2. */
export const Introspection = Type.Object(
  {
    active: Type.Boolean({ description: 'Without it, no other property is present' }),
    sub: Type.Optional(Type.String({ description: 'The id of the account' })),
    username: Type.Optional(Type.String()),
    role: Type.Optional(ref(Role)),
    kind: Type.Optional(ref(AccountKind)),
    scope: Type.Optional(
      Type.String({
        description: 'Separated by spaces. Absent if the credential is not limited',
      }),
    ),
    token_type: Type.Optional(ref(CredentialType)),
    iat: Type.Optional(Type.Integer({ ...SECONDS, description: 'In s since 1970' })),
    exp: Type.Optional(
      Type.Integer({
        ...SECONDS,
        description: 'In s since 1970. Absent if it does not expire',
      }),
    ),
    client_id: Type.Optional(Type.String({ description: 'The username of a service account' })),
  },
  { $id: 'Introspection', description: 'What a credential is' },
)

export const IntrospectionBatchRequest = closedObject(
  {
    credentials: Type.Array(
      closedObject({ token: CredentialText, address: Type.Optional(ClientAddress) }),
      { minItems: 1, maxItems: MAX_CREDENTIALS },
    ),
  },
  { $id: 'IntrospectionBatchRequest', description: 'The credentials to inspect' },
)

export const IntrospectionBatch = Type.Object(
  { results: Type.Array(ref(Introspection)) },
  { $id: 'IntrospectionBatch', description: 'A result for each credential, in the same order' },
)
