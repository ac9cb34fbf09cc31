import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  listSessions as findSessions,
  type SessionLimits,
  type SessionRecord,
} from '../../db/queries/sessions.ts'
import { actorOf } from '../../plugins/auth.ts'
import { idAt, type List, page } from '../common/pages.ts'
import { Address, Id, Moment, nullable } from '../common/schemas.ts'

export const Session = Type.Object(
  {
    id: Id,
    createdAt: Moment,
    lastSeenAt: Moment,
    expiresAt: Moment,
    address: Address,
    userAgent: nullable(Type.String({ maxLength: 255 })),
    current: Type.Boolean({ description: 'whether this is the session that asks' }),
  },
  { $id: 'Session', description: 'An open session; its id opens nothing' },
)

export const SessionPage = page('SessionPage', Session)

/** The open sessions of an account, newest first. */
export function sessionsOf(
  app: FastifyInstance,
  limits: SessionLimits,
  userId: number,
  currentId: number | undefined,
): List<SessionRecord, Static<typeof Session>> {
  return {
    name: `sessions ${userId}`,
    find: (position, limit) =>
      findSessions(app.db, userId, limits, { before: idAt(position), limit }),
    positionOf: ({ id }) => id,
    toItem: (row) => ({
      ...row,
      createdAt: row.createdAt.toISOString(),
      lastSeenAt: row.lastSeenAt.toISOString(),
      expiresAt: row.expiresAt.toISOString(),
      current: row.id === currentId,
    }),
  }
}

/** @returns undefined for a request that came with a token */
export function currentSessionOf(request: FastifyRequest): number | undefined {
  const { credential } = actorOf(request)
  return credential.kind === 'session' ? credential.id : undefined
}
