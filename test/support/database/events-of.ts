import { query } from './query.ts'

/** @returns the events about an account, the oldest first */
export async function eventsOf(url: string, userId: number) {
  const rows = await query(url, `SELECT * FROM events WHERE user_id = ${userId} ORDER BY id`)
  return rows.map((row) => ({
    type: row.type,
    actorId: row.actor_id,
    address: row.address,
    requestId: row.request_id,
    detail: JSON.parse(String(row.detail)),
  }))
}

/** @param detail without what a command adds */
export function commandEvent(type: string, detail: Record<string, unknown>) {
  return { type, actorId: null, address: null, requestId: null, detail }
}
