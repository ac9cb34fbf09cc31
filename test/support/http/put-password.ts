import { type App, send } from './build.ts'

/** Sends a password change. */
export function putPassword(
  app: App,
  id: number | string,
  cookie: string | undefined,
  body?: unknown,
) {
  const options = { ...(cookie && { cookie }), ...(body !== undefined && { body }) }
  return send(app, 'PUT', `/user/update-password/${id}`, options)
}
