import { Type } from '@sinclair/typebox'
import { page } from '../common/pages.ts'
import { Address, Id, nullable, stringEnum, Timestamp } from '../common/schemas.ts'

export const Session = Type.Object(
  {
    id: Id,
    createdAt: Timestamp,
    lastSeenAt: Timestamp,
    expiresAt: Timestamp,
    address: Address,
    userAgent: nullable(Type.String()),
    current: Type.Boolean({ description: 'whether it is the session of this request' }),
  },
  { $id: 'Session', description: 'An open session. Its id is not a credential' },
)

export const SessionScope = stringEnum(['others', 'all'], {
  $id: 'SessionScope',
  default: 'others',
  description: 'Which sessions to end: `others` keeps the session of the request',
})

export const SessionPage = page('SessionPage', Session)
