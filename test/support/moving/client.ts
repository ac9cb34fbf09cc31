/** A response, as a client of the Flask service reads it. */
export interface Reply {
  status: number
  /** The parsed body, or an empty object for a page. */
  body: { message?: string; username?: string; user?: { id: number } }
}

/** Counts the responses that all clients of a run received, by phase. */
export class ResponseCounts {
  /** A phase, or `to` and the next one while nginx reloads. */
  phase = ''
  readonly counts = new Map<string, number>()

  add(operation: string, status: number): void {
    const key = `${this.phase}: ${operation} ${status}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
  }

  /** @returns one line for each phase, operation and status */
  get lines(): string[] {
    return [...this.counts].map(([key, count]) => `${key} × ${count}`)
  }
}

/** Keeps and sends cookies as a browser does. */
export class Client {
  readonly #base: string
  readonly #responses: ResponseCounts
  readonly #agent: string
  #cookies = new Map<string, string>()

  /** @param agent the user agent, which Flask-Login puts into its cookie */
  constructor(base: string, responses: ResponseCounts, agent: string) {
    this.#base = base
    this.#responses = responses
    this.#agent = agent
  }

  /** The names of the cookies that the client has. */
  get cookieNames(): string[] {
    return [...this.#cookies.keys()].sort()
  }

  /** @returns another client with the same cookies, such as a thief has */
  copy(): Client {
    const copy = new Client(this.#base, this.#responses, this.#agent)
    copy.#cookies = new Map(this.#cookies)
    return copy
  }

  /** The account in Flask's cookie, which is signed and not encrypted. */
  get flaskUserId(): number {
    const [payload = ''] = (this.#cookies.get('session') ?? '').split('.')
    return Number(JSON.parse(Buffer.from(payload, 'base64url').toString())._user_id)
  }

  logIn = ({ username, password }: { username: string; password: string }) =>
    this.send('login', 'POST', '/login', { username, password })
  logOut = () => this.send('logout', 'GET', '/logout')
  register = (account: { username: string; password: string }) =>
    this.send('register', 'POST', '/user', account)
  read = (id: number) => this.send('read', 'GET', `/user/${id}`)
  changePassword = (id: number, password: string) =>
    this.send('change password', 'PUT', `/user/update-password/${id}`, { password })
  remove = (id: number) => this.send('delete', 'DELETE', `/user/${id}`)

  async send(operation: string, method: string, path: string, body?: object): Promise<Reply> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(this.#base + path, {
      method,
      redirect: 'manual',
      headers: {
        // nginx closes idle connections when it reloads, maybe as a request arrives.
        connection: 'close',
        'user-agent': this.#agent,
        ...(cookie && { cookie }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    this.#responses.add(operation, response.status)
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : {} }
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (value === '' || /;\s*max-age=0/i.test(line)) this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}
