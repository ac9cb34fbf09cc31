import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { findGaleraLibrary, findServerBinary } from '../../../../scripts/server-binary.mjs'
import { filesOf, serverArguments } from '../../../../src/embedded-database/files.ts'
import { until } from '../../until.ts'
import { DatabaseServer, type ServerPlace } from '../database/database-server.ts'

/** Where Galera finds the script of the state transfer. */
const SCRIPTS = resolve('test/support/faults/cluster/bin')
/** A node that has applied everything. */
const SYNCED = '4'
const POSITION = /Recovered position:\s*(\S+:(-?\d+))/

export interface NodePlace extends ServerPlace {
  /** Of the replication. */
  replicationPort: number
  transferPort: number
}

/** A node of a Galera cluster: a database server that a test can kill, suspend and start again. */
export class GaleraNode extends DatabaseServer {
  readonly #replicationPort: number
  readonly #transferPort: number
  /** `host:port` of every node. */
  members: string[] = []

  constructor(place: NodePlace) {
    super(place)
    this.#replicationPort = place.replicationPort
    this.#transferPort = place.transferPort
  }

  get member(): string {
    return `${this.host}:${this.#replicationPort}`
  }

  /** Starts the first node of a cluster, or the first one after all have died. */
  async startCluster(): Promise<void> {
    const { position } = await this.recover()
    const file = join(filesOf(this.data), 'grastate.dat')
    const state = await readFile(file, 'utf8').catch(() => '')
    await writeFile(file, state.replace('safe_to_bootstrap: 0', 'safe_to_bootstrap: 1'))
    await this.#startAt(position, ['--wsrep-new-cluster'])
  }

  /** Starts the node. @returns when it has what the others have */
  async join(): Promise<void> {
    const { position } = await this.recover()
    await this.#startAt(position, [])
  }

  /** @returns the last change that the files hold, whether the server was stopped or killed */
  async recover(): Promise<{ position: string; seqno: number }> {
    const socket = join(this.data, 'recovery.sock')
    const files = serverArguments(this.data, socket)
    const { stderr } = await promisify(execFile)(
      findServerBinary() ?? 'mariadbd',
      [...files, ...this.#wsrepArguments(), '--wsrep-recover', '--log-error-verbosity=3'],
      { env: environment(), maxBuffer: 1e8 },
    )
    await rm(socket, { force: true })
    const [, position = '', seqno] = POSITION.exec(stderr) ?? []
    return { position, seqno: Number(seqno) }
  }

  /** @returns whether the node has what the others have */
  async isSynced(): Promise<boolean> {
    const rows = this.query("SHOW STATUS LIKE 'wsrep_local_state'", '')
    return rows.then(
      ([row]) => row?.Value === SYNCED,
      () => false,
    )
  }

  async #startAt(position: string, more: string[]): Promise<void> {
    await rm(join(filesOf(this.data), 'gvwstate.dat'), { force: true })
    const at = position === '' ? [] : [`--wsrep-start-position=${position}`]
    await this.start([...this.#wsrepArguments(), ...at, ...more])
    await until(
      () => this.isSynced(),
      () => `the node does not join: ${this.data}/server.log`,
    )
  }

  #wsrepArguments(): string[] {
    // A node counts as dead after 2 s instead of 5, to keep the tests short.
    const options = [
      `base_host=${this.host}`,
      `base_port=${this.#replicationPort}`,
      `gmcast.listen_addr=tcp://${this.host}:${this.#replicationPort}`,
      `ist.recv_addr=${this.host}:${this.#transferPort}`,
      'gcache.size=64M',
      'evs.keepalive_period=PT0.5S',
      'evs.suspect_timeout=PT2S',
      'evs.inactive_timeout=PT4S',
      'evs.install_timeout=PT4S',
      'pc.recovery=no',
    ]
    return [
      '--binlog-format=ROW',
      '--innodb-autoinc-lock-mode=2',
      '--wsrep-on=ON',
      `--wsrep-provider=${findGaleraLibrary()}`,
      `--wsrep-cluster-address=gcomm://${this.members.join()}`,
      `--wsrep-node-address=${this.member}`,
      '--wsrep-sst-method=ist',
      `--wsrep-provider-options=${options.join(';')}`,
    ]
  }

  protected override environment() {
    return environment()
  }
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${SCRIPTS}${delimiter}${process.env.PATH}` }
}
