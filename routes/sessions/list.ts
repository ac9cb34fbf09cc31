import type { Static } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { Database } from '../../db/client.ts'
import type { SessionLimits } from '../../db/queries/live-sessions.ts'
import * as sessions from '../../db/queries/sessions.ts'
import { actorOf } from '../../plugins/auth/auth.ts'
import { idAt, type List } from '../common/pages.ts'
import type { Session } from './schemas.ts'

/** The open sessions of an account, newest first. */
export function sessionsOf(
  db: Database,
  limits: SessionLimits,
  userId: number,
  currentId: number | undefined,
): List<sessions.SessionRecord, Static<typeof Session>> {
  return {
    name: `sessions ${userId}`,
    find: (position, limit) => sessions.list(db, userId, limits, { before: idAt(position), limit }),
    positionOf: ({ id }) => id,
    toItem: (row) => ({ ...row, current: row.id === currentId }),
  }
}

/** @returns undefined for a token caller */
export function currentSessionOf(request: FastifyRequest): number | undefined {
  const { credential } = actorOf(request)
  return credential.kind === 'session' ? credential.id : undefined
}
