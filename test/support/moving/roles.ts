import { randomUUID } from 'node:crypto'
import { Client, type Reply, type ResponseCounts } from './client.ts'

export interface KnownAccount {
  id: number
  username: string
  password: string
}

/** What the services have acknowledged, and what must therefore be true at the end. */
export class Expectations {
  readonly registered: KnownAccount[] = []
  readonly deleted: KnownAccount[] = []
  /** Clients with copies of the cookies that a logout at Gatehouse revoked. */
  readonly loggedOut: Client[] = []
  /** How often a client had to log in again, after it changed its password at the Flask service. */
  relogins = 0
}

/** A client that repeats a cycle. A cycle throws if the service answers as it must not. */
export interface Role {
  name: string
  /** The pause between two cycles, in ms. */
  paceMs: number
  cycle(): Promise<void>
}

export interface Context {
  url: string
  responses: ResponseCounts
  expectations: Expectations
}

/** The service is paused or overloaded, and has changed nothing. */
const isUnavailable = ({ status }: Reply) => status === 503

export function reader(client: Client, account: KnownAccount): Role {
  return {
    name: `reader of ${account.username}`,
    paceMs: 20,
    async cycle() {
      const { status, body } = await client.read(account.id)
      expect(status, 200, 'a reader is logged in')
      expect(body.username, account.username, 'a reader gets its own name')
    },
  }
}

/** Registers an account, logs in with it, and reads it. */
export function registrar({ url, responses, expectations }: Context): Role {
  return {
    name: 'registrar',
    paceMs: 100,
    async cycle() {
      const account = { username: `new-${randomUUID()}`, password: `secret of ${randomUUID()}` }
      const client = new Client(url, responses, account.username)
      const created = await client.register(account)
      if (isUnavailable(created)) return
      expect(created.status, 200, 'a registration is accepted')
      const kept = { ...account, id: 0 }
      expectations.registered.push(kept)
      const opened = await client.logIn(account)
      if (isUnavailable(opened)) return
      expect(opened.status, 200, 'a registered account logs in')
      kept.id = opened.body.user?.id ?? client.flaskUserId
      const { status, body } = await client.read(kept.id)
      expect(status, 200, 'a registered account is logged in')
      expect(body.username, account.username, 'a registered account gets its own name')
    },
  }
}

/** Changes its password, and logs in again if the import has ended its session. */
export function passwordChanger(client: Client, account: KnownAccount, context: Context): Role {
  const { responses, expectations } = context
  return {
    name: `password changer ${account.username}`,
    paceMs: 200,
    async cycle() {
      const password = `secret of ${randomUUID()}`
      const changed = await client.changePassword(account.id, password)
      if (isUnavailable(changed)) return
      if (changed.status === 401 && responses.phase.endsWith('4-new')) {
        expectations.relogins += 1
        const opened = await client.logIn(account)
        return expect(opened.status, 200, 'the newest password opens a session')
      }
      expect(changed.status, 200, 'a password change is accepted')
      account.password = password
    },
  }
}

/** Logs in, reads and logs out, and keeps a copy of its cookies. */
export function loggingOutClient(
  account: KnownAccount,
  { url, responses, expectations }: Context,
): Role {
  return {
    name: 'logging-out client',
    paceMs: 100,
    async cycle() {
      // Two logins in the same second by the same user agent get the same cookie from Flask.
      const client = new Client(url, responses, randomUUID())
      const opened = await client.logIn(account)
      if (isUnavailable(opened)) return
      expect(opened.status, 200, 'a login is accepted')
      expect((await client.read(account.id)).status, 200, 'a login opens a session')
      const copy = client.copy()
      const { phase } = responses
      expect((await client.logOut()).status, 200, 'a logout is accepted')
      expect(client.cookieNames.join(), '', 'a logout deletes the cookies')
      expect((await client.read(account.id)).status, 401, 'a logout ends the session')
      if (phase === '2-reads' || phase === '3-paused' || phase === '4-new')
        expectations.loggedOut.push(copy)
    },
  }
}

/** Deletes accounts, as an admin. */
export function deleter(client: Client, victims: KnownAccount[], { expectations }: Context): Role {
  return {
    name: 'deleter',
    paceMs: 400,
    async cycle() {
      const [victim] = victims
      if (!victim) return
      const removed = await client.remove(victim.id)
      if (isUnavailable(removed)) return
      expect(removed.status, 200, 'a deletion is accepted')
      expectations.deleted.push(victim)
      victims.shift()
    },
  }
}

function expect(found: unknown, wanted: unknown, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`)
}
