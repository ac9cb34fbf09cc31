import { Type } from '@sinclair/typebox'
import { page } from '../common/pages.ts'
import { Address, Id, nullable, Timestamp } from '../common/schemas.ts'

export const Session = Type.Object(
  {
    id: Id,
    createdAt: Timestamp,
    lastSeenAt: Timestamp,
    expiresAt: Timestamp,
    address: Address,
    userAgent: nullable(Type.String({ maxLength: 255 })),
    current: Type.Boolean({ description: 'whether it is the session of this request' }),
  },
  { $id: 'Session', description: 'An open session. Its id is not a credential' },
)

export const SessionPage = page('SessionPage', Session)
