import type { SessionLimits } from '../../db/queries/live-sessions.ts'
import type { Retention } from '../../db/queries/sweep.ts'
import type { Config } from './config.ts'

const MS_PER_S = 1_000

export function sessionLimits(config: Config): SessionLimits {
  return {
    idleMs: config.SESSION_IDLE * MS_PER_S,
    lifetimeMs: config.SESSION_LIFETIME * MS_PER_S,
    maxPerUser: config.MAX_SESSIONS,
  }
}

/** @returns what the sweeper keeps */
export function retention(config: Config): Retention {
  return {
    idleMs: config.SESSION_IDLE * MS_PER_S,
    eventsMs: config.EVENTS_RETENTION * MS_PER_S,
  }
}
