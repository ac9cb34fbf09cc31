import { Counter, type Registry } from '@platformatic/prom-client'
import type { CommittedEvent, DatabaseObserver } from '../../db/observer.ts'

const OPENED_BY = ['login', 'flask_cookie'] as const
const REASONS = [
  ...['logout', 'ended', 'replaced', 'session_limit', 'expired'],
  ...['password_changed', 'user_disabled', 'user_deleted'],
] as const

/**
 * Counts sessions by the audit events that this process has committed, and those that it has swept.
 */
export function countSessions(registry: Registry, observer: DatabaseObserver): void {
  const registers = [registry]
  const opened = new Counter({
    name: 'gatehouse_sessions_opened_total',
    help: 'Sessions opened: by a login, or by an exchanged cookie of the Flask service.',
    labelNames: ['by'],
    registers,
  })
  const ended = new Counter({
    name: 'gatehouse_sessions_ended_total',
    help: 'Sessions ended, by reason.',
    labelNames: ['reason'],
    registers,
  })
  for (const by of OPENED_BY) opened.inc({ by }, 0)
  for (const reason of REASONS) ended.inc({ reason }, 0)

  observer.onCommit = (events) => {
    for (const event of events) {
      if (event.type === 'login') {
        opened.inc({ by: event.detail?.exchanged === true ? 'flask_cookie' : 'login' })
      } else {
        const { reason, count } = endingOf(event)
        if (count > 0) ended.inc({ reason }, count)
      }
    }
  }
  observer.onSessionsExpired = (count) => ended.inc({ reason: 'expired' }, count)
}

/** @returns how many sessions an event says have ended, and why */
function endingOf({ type, detail = {} }: CommittedEvent) {
  // An event that lists no number of sessions is about one session, if about any.
  const isOfOne = type === 'logout' || (type === 'session_ended' && 'sessionId' in detail)
  const count = isOfOne ? 1 : Number(detail.sessionsEnded ?? 0)
  return { reason: reasonOf(type, detail), count }
}

function reasonOf(
  type: CommittedEvent['type'],
  detail: NonNullable<CommittedEvent['detail']>,
): (typeof REASONS)[number] {
  if (detail.replaced === true) return 'replaced'
  if (detail.limitReached === true) return 'session_limit'
  if (type === 'user_updated') return 'user_disabled'
  if (type === 'logout' || type === 'password_changed' || type === 'user_deleted') return type
  return 'ended'
}
