import { randomUUID } from 'node:crypto'
import { Client, type Reply, type Sightings } from './client.ts'

export interface KnownAccount {
  id: number
  username: string
  password: string
}

/** What the service has acknowledged, and what has to be true at the end. */
export class Ledger {
  readonly registered: KnownAccount[] = []
  readonly deleted: KnownAccount[] = []
  /** Copies of cookies, made before a logout by Gatehouse. */
  readonly loggedOut: Client[] = []
  /** How often a client had to log in again, after it changed its password at the Flask service. */
  relogins = 0
}

/** A client that repeats a cycle. A cycle throws if the service answers as it must not. */
export interface Role {
  name: string
  /** Between two cycles. */
  paceMs: number
  cycle(): Promise<void>
}

export interface Scene {
  url: string
  sightings: Sightings
  ledger: Ledger
}

/** Nothing was done. The service is paused or overloaded. */
const isLater = ({ status }: Reply) => status === 503

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
export function registrar({ url, sightings, ledger }: Scene): Role {
  return {
    name: 'registrar',
    paceMs: 100,
    async cycle() {
      const account = { username: `new-${randomUUID()}`, password: `secret of ${randomUUID()}` }
      const client = new Client(url, sightings, account.username)
      const created = await client.register(account)
      if (isLater(created)) return
      expect(created.status, 200, 'a registration is accepted')
      const kept = { ...account, id: 0 }
      ledger.registered.push(kept)
      const opened = await client.logIn(account)
      if (isLater(opened)) return
      expect(opened.status, 200, 'a registered account logs in')
      kept.id = opened.body.user?.id ?? client.flaskUserId
      const { status, body } = await client.read(kept.id)
      expect(status, 200, 'a registered account is logged in')
      expect(body.username, account.username, 'a registered account gets its own name')
    },
  }
}

/** Changes its password, and logs in again if the import has ended its session. */
export function passwordChanger(client: Client, account: KnownAccount, scene: Scene): Role {
  const { sightings, ledger } = scene
  return {
    name: `password changer ${account.username}`,
    paceMs: 200,
    async cycle() {
      const password = `secret of ${randomUUID()}`
      const changed = await client.changePassword(account.id, password)
      if (isLater(changed)) return
      if (changed.status === 401 && sightings.phase.endsWith('4-new')) {
        ledger.relogins += 1
        const opened = await client.logIn(account)
        return expect(opened.status, 200, 'the newest password opens a session')
      }
      expect(changed.status, 200, 'a password change is accepted')
      account.password = password
    },
  }
}

/** Logs in, reads and logs out, and keeps a copy of its cookies. */
export function leaver(account: KnownAccount, { url, sightings, ledger }: Scene): Role {
  return {
    name: 'leaver',
    paceMs: 100,
    async cycle() {
      // Two logins in the same second by the same user agent get the same cookie from Flask.
      const client = new Client(url, sightings, randomUUID())
      const opened = await client.logIn(account)
      if (isLater(opened)) return
      expect(opened.status, 200, 'a login is accepted')
      expect((await client.read(account.id)).status, 200, 'a login opens a session')
      const copy = client.copy()
      const { phase } = sightings
      expect((await client.logOut()).status, 200, 'a logout is accepted')
      expect(client.cookieNames.join(), '', 'a logout deletes the cookies')
      expect((await client.read(account.id)).status, 401, 'a logout ends the session')
      if (phase === '2-reads' || phase === '3-paused' || phase === '4-new')
        ledger.loggedOut.push(copy)
    },
  }
}

/** Deletes accounts, as an admin. */
export function deleter(client: Client, victims: KnownAccount[], { ledger }: Scene): Role {
  return {
    name: 'deleter',
    paceMs: 400,
    async cycle() {
      const [victim] = victims
      if (!victim) return
      const removed = await client.remove(victim.id)
      if (isLater(removed)) return
      expect(removed.status, 200, 'a deletion is accepted')
      ledger.deleted.push(victim)
      victims.shift()
    },
  }
}

function expect(found: unknown, wanted: unknown, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`)
}
