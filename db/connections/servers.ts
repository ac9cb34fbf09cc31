import { performance } from 'node:perf_hooks'
import { type Consistency, type DatabaseConnection, openConnection } from './connection.ts'
import { OperationError } from './errors.ts'
import { hostsOf, withHosts } from './hosts.ts'

/** How often the hosts that failed are tried while another one is used. */
const RECHECK_MS = 5_000
/**
 * At least, for a connection to one of several hosts: a short stall of this process is no reason to
 * leave a host. At most, for a check of a host: one that takes longer would be left again.
 */
const HOST_TIMEOUT_MS = 750
/** At the start, for all hosts together if that leaves each of them enough. */
const START_TIMEOUT_MS = 1_500
/** The share of the time between rechecks that is random, so that instances do not return together. */
const JITTER = 0.25

interface Host {
  /** For the log: it has no user and no password. */
  readonly name: string
  readonly url: string
  /** Its place in the list. Each connection has the rank of its host. */
  readonly rank: number
  /** Whether it failed, or takes no changes. Only a check of the hosts ends that, if another serves. */
  isDown: boolean
  /** Whether the latest check of the host succeeded. The next success ends `isDown`. */
  isReturning: boolean
}

interface ServerOptions {
  consistency?: Consistency
  /** Whether a server has to take changes. */
  purpose?: 'changes' | 'reads'
  recheckMs?: number
}

/**
 * The servers of a database, in the order of preference. All pools of a process share one list, so
 * that all its changes go to one server: the first that takes changes. When it fails, new
 * connections go to the next one. When it has served for two checks in a row, connections return to
 * it, each at the end of its operation, if the engine keeps its servers equal. Of another engine,
 * the host that is back can be an old primary that lacks the changes since: connections stay where
 * they are until that host fails or refuses.
 */
export class Servers {
  readonly #hosts: Host[]
  readonly #consistency: Consistency
  readonly #purpose: 'changes' | 'reads'
  readonly #recheckMs: number
  #recheckAt = 0
  #isChecking = false
  #current: Host | undefined
  /** Whether an earlier host may lack what the current one has committed. */
  #isKept = false
  /** Called when new connections go to another host than before. */
  onMove: (to: { host: string; from: string }) => void = () => undefined

  /**
   * @param url `mysql://user:password@host:port,host:port/database`
   * @param options.recheckMs how often the hosts that failed are tried while another one is used
   */
  constructor(url: string, options: ServerOptions = {}) {
    const { consistency = 'auto', purpose = 'changes', recheckMs = RECHECK_MS } = options
    this.#hosts = hostsOf(url).map((name, rank) => ({
      name,
      url: withHosts(url, [name]),
      rank,
      isDown: false,
      isReturning: false,
    }))
    this.#consistency = consistency
    this.#purpose = purpose
    this.#recheckMs = recheckMs
  }

  get size(): number {
    return this.#hosts.length
  }

  /**
   * Connects to the first host that takes changes. If none does, connects to the first that shows what
   * all servers have committed. A host that does not answer gets an equal share of the time that is
   * left, but at least 750 ms.
   *
   * @param timeoutMs for all hosts together, if that leaves each of them enough
   * @throws what `openConnection` threw for the first host that was tried, or OperationError
   *   `SERVER_READ_ONLY`
   */
  async open(timeoutMs: number): Promise<DatabaseConnection> {
    const endsAt = performance.now() + timeoutMs
    const order = this.#inOrder()
    const failures: unknown[] = []
    let spare: DatabaseConnection | undefined
    for (const [index, host] of order.entries()) {
      const leftMs = endsAt - performance.now()
      try {
        const shareMs = Math.max(leftMs / (order.length - index), HOST_TIMEOUT_MS)
        const connection = await this.#connect(host, shareMs)
        if (this.#suits(connection) || order.length === 1) {
          spare?.end()
          this.#use(host, connection)
          return connection
        }
        // A replica that is read-only can lack what its primary has committed.
        if (spare || !connection.engine.readsAll) connection.end()
        else spare = connection
        failures.push(new OperationError('SERVER_READ_ONLY'))
      } catch (error) {
        failures.push(error)
      }
      if (order.length > 1) this.#putDown(host)
    }
    if (spare) return spare
    throw failures[0]
  }

  /**
   * Connects once, without the limit of an operation. A host that is silent then counts as down, so
   * that it does not delay the first operations.
   *
   * @throws what `open` throws
   */
  async prepare(): Promise<void> {
    const connection = await this.open(START_TIMEOUT_MS)
    await connection.end()
  }

  /** Call it when a server has refused an operation because it takes no changes. */
  refused({ rank }: DatabaseConnection): void {
    const host = this.#hosts[rank]
    // A host that is down already is used because no other serves. Its refusals must not delay the checks.
    if (host && !host.isDown && this.#hosts.length > 1) this.#putDown(host)
  }

  /**
   * @returns whether a better host takes changes, so that the connection should be closed after its
   *   operation. Also checks the hosts that are down, if it is time
   */
  isOutdated({ rank, engine }: DatabaseConnection): boolean {
    if (this.#hosts.length === 1) return false
    if (performance.now() >= this.#recheckAt) this.#recheck()
    const isDown = this.#hosts[rank]?.isDown
    if (!isDown && !engine.readsAll) return this.#current?.rank !== rank
    return this.#hosts.some((host) => !host.isDown && (isDown || host.rank < rank))
  }

  /** Hosts that are down come last: they are tried if no other one serves. */
  #inOrder(): Host[] {
    const place = (host: Host) => (this.#isKept && host === this.#current ? -1 : host.rank)
    return this.#hosts.toSorted(
      (a, b) => Number(a.isDown) - Number(b.isDown) || place(a) - place(b),
    )
  }

  async #connect({ url, rank }: Host, timeoutMs: number): Promise<DatabaseConnection> {
    return await openConnection(url, { timeoutMs, rank, consistency: this.#consistency })
  }

  #suits({ engine }: DatabaseConnection): boolean {
    return this.#purpose === 'reads' ? engine.takesReads : engine.takesChanges
  }

  #use(host: Host, { engine }: DatabaseConnection): void {
    host.isDown = false
    this.#isKept = !engine.readsAll
    const before = this.#current
    this.#current = host
    if (before && before !== host) this.onMove({ host: host.name, from: before.name })
  }

  #putDown(host: Host): void {
    host.isDown = true
    host.isReturning = false
    this.#delayRecheck()
  }

  #delayRecheck(): void {
    this.#recheckAt = performance.now() + this.#recheckMs * (1 + JITTER * Math.random())
  }

  /** Tries each host that is down once, one after the other. */
  async #recheck(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    for (const host of this.#hosts.filter(({ isDown }) => isDown)) {
      const serves = await this.#serves(host)
      if (serves && host.isReturning) host.isDown = false
      host.isReturning = serves
    }
    this.#delayRecheck()
    this.#isChecking = false
  }

  async #serves(host: Host): Promise<boolean> {
    try {
      const connection = await this.#connect(host, HOST_TIMEOUT_MS)
      const suits = this.#suits(connection)
      await connection.end()
      return suits
    } catch {
      return false
    }
  }
}
