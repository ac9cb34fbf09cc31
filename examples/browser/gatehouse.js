// Sends requests to Gatehouse from a page, and decides by the `code` of an error what it means.

/** The code of an error without a response. */
export const UNREACHABLE = 'UNREACHABLE'
/** A page does not let a user wait longer than this for a repeated request, in seconds. */
const MAX_WAIT_S = 10
const MS_PER_S = 1_000

/**
 * @typedef {{ id: number, username: string, role: string, createdAt: string }} User
 * @typedef {{ id: number, lastSeenAt: string, address: string | null, userAgent: string | null, current: boolean }} Session
 * @typedef {{ items: Session[], nextCursor: string | null }} SessionPage
 * @typedef {{ path: string, message: string }} FieldError
 * @typedef {{ body?: unknown, ifMatch?: string | undefined }} Content
 */

/** A response that is not a success, or none at all. */
export class GatehouseError extends Error {
  /**
   * @param {{ status: number, code: string, message: string, errors?: FieldError[], requestId?: string | null, retryAfterS?: number }} facts
   */
  constructor({ status, code, message, errors = [], requestId = null, retryAfterS = 0 }) {
    super(message)
    this.status = status
    this.code = code
    /** What is wrong, by field: `body.username`. */
    this.errors = errors
    /** For a report to the operator, who finds it in the log. */
    this.requestId = requestId
    /** How long to wait before the next attempt; 0 if it does not help to wait. */
    this.retryAfterS = retryAfterS
  }

  /** Nobody is signed in. `NOT_PERMITTED` is also a 401, of an account that stays signed in. */
  get isSignedOut() {
    return this.code === 'UNAUTHENTICATED'
  }
}

/**
 * @param {string} base the origin of Gatehouse, or '' if it serves the page's own origin
 * @param {{ onSignedOut: () => void }} events `onSignedOut` is called when a request finds that the session has ended
 */
export function createGatehouse(base, { onSignedOut }) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {Content} [content]
   * @returns {Promise<Response>} a success
   * @throws {GatehouseError}
   */
  async function sendOnce(method, path, { body, ifMatch } = {}) {
    /** @type {Record<string, string>} */
    const headers = {}
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (ifMatch !== undefined) headers['if-match'] = ifMatch
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    // `include` sends and stores the cookie on another origin too.
    const response = await fetch(base + path, { ...init, credentials: 'include' }).catch(() => {
      // A browser gives the same error for a network that is down and an origin that is not allowed.
      const message = 'The service did not answer, or it does not allow this page.'
      throw new GatehouseError({ status: 0, code: UNREACHABLE, message })
    })
    if (response.ok) return response
    throw await errorOf(response)
  }

  /**
   * The same, and repeats a read once if the response says when. A change is left to the user: one with the
   * code OUTCOME_UNKNOWN may have been made.
   *
   * @type {typeof sendOnce}
   */
  async function send(method, path, content) {
    try {
      return await sendOnce(method, path, content)
    } catch (error) {
      const waitS = error instanceof GatehouseError ? error.retryAfterS : 0
      if (method !== 'GET' || waitS === 0 || waitS > MAX_WAIT_S) throw error
      await new Promise((resolve) => setTimeout(resolve, waitS * MS_PER_S))
      return sendOnce(method, path, content)
    }
  }

  /**
   * The same for an operation that needs a session, and reports if it has ended.
   *
   * @type {typeof sendOnce}
   */
  async function request(method, path, content) {
    try {
      return await send(method, path, content)
    } catch (error) {
      if (error instanceof GatehouseError && error.isSignedOut) onSignedOut()
      throw error
    }
  }

  return {
    /** @param {{ username: string, password: string }} account */
    async register(account) {
      await send('POST', '/user', { body: account })
    },
    /** @param {{ username: string, password: string }} credentials */
    async logIn(credentials) {
      await send('POST', '/login', { body: credentials })
    },
    /**
     * @returns {Promise<{ user: User, etag: string | undefined } | undefined>} who is signed in. The 401 of a
     *   visitor is not an error, so that it does not call `onSignedOut`
     */
    async readMe() {
      try {
        const response = await send('GET', '/me')
        const etag = response.headers.get('etag') ?? undefined
        return { user: await response.json(), etag }
      } catch (error) {
        if (error instanceof GatehouseError && error.isSignedOut) return undefined
        throw error
      }
    },
    /**
     * @param {number} id
     * @param {{ password: string, currentPassword: string }} passwords
     * @param {string | undefined} etag the version of the account that the page shows
     */
    async changePassword(id, passwords, etag) {
      await request('PUT', `/user/update-password/${id}`, { body: passwords, ifMatch: etag })
    },
    /**
     * @param {string | null} cursor of the previous page, or null for the first
     * @returns {Promise<SessionPage>}
     */
    async listSessions(cursor) {
      const query = new URLSearchParams({ limit: '20', ...(cursor !== null && { cursor }) })
      return (await request('GET', `/sessions?${query}`)).json()
    },
    /** @param {number} id */
    async endSession(id) {
      await request('DELETE', `/sessions/${id}`)
    },
    async endOtherSessions() {
      await request('DELETE', '/sessions')
    },
    /** For admins. @returns {Promise<{ items: User[] }>} */
    async listUsers() {
      return (await request('GET', '/users?limit=20')).json()
    },
    async logOut() {
      await request('POST', '/logout')
    },
  }
}

/**
 * @param {Response} response
 * @returns {Promise<GatehouseError>} of a proxy's response too, which may have another shape
 */
async function errorOf(response) {
  const { status } = response
  const body = await response.json().catch(() => undefined)
  const {
    code = 'UNKNOWN',
    message = `The service answered with status ${status}.`,
    errors,
  } = body ?? {}
  return new GatehouseError({
    status,
    code,
    message,
    errors,
    requestId: response.headers.get('x-request-id'),
    retryAfterS: Number(response.headers.get('retry-after')) || 0,
  })
}
