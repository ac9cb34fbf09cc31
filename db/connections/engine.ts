import type { RowDataPacket } from 'mysql2'
import { errnoOf } from './errors.ts'

/** What a server is, as far as it changes what its connections do. */
export interface Engine {
  name: 'MySQL' | 'MariaDB' | 'Galera' | 'group replication' | 'TiDB'
  /** Whether it takes changes now. If not, `why` says the reason. */
  takesChanges: boolean
  /** Whether it is a part of its cluster now, so that its reads are as recent as the engine allows. */
  takesReads: boolean
  why?: string
  /**
   * Makes the session wait, before it reads or writes, until its server has all that was committed
   * on others. Undefined if the engine has nothing to wait for, or cannot wait.
   */
  waitStatement?: string
  /** Sets what the queries rely on, and other engines always do. */
  settings?: string
  /** Whether a session reads, now, what was committed through any other server of the engine. */
  readsAll: boolean
}

/**
 * All statements wait: reads and BEGIN (1), UPDATE and DELETE (2), INSERT and REPLACE (4). A node that
 * leaves the primary component refuses reads with 1047, also if its default is to answer them.
 */
const GALERA_WAIT = 'SET SESSION wsrep_sync_wait = 7, wsrep_dirty_reads = OFF'
const GROUP_REPLICATION_WAIT = "SET SESSION group_replication_consistency = 'BEFORE'"
/**
 * Locks rows as they are read and written, as the other engines do, and reads what was committed
 * last, whatever the defaults of the server are.
 */
const TIDB_SETTINGS = `SET SESSION tidb_txn_mode = 'pessimistic',
  tidb_constraint_check_in_place_pessimistic = ON, tidb_low_resolution_tso = OFF,
  tidb_read_staleness = 0, tidb_replica_read = 'leader'`
/**
 * Fails where the server is not an online member of the group's majority. Such a server does not
 * wait in spite of `BEFORE`, and after a restart it even takes changes. Any user may call it.
 */
const GROUP_MEMBERSHIP = 'SELECT group_replication_get_communication_protocol()'
/** The function refuses, or does not exist. */
const NO_MEMBER = new Set([1123, 1305])
/** The state of a Galera node that has applied what the cluster has committed. */
const SYNCED = '4'

const VARIABLES = [
  'version',
  'read_only',
  'super_read_only',
  'innodb_read_only',
  'wsrep_on',
  'group_replication_group_name',
  'tidb_super_read_only',
]
const GALERA_STATUS = [
  'wsrep_ready',
  'wsrep_cluster_status',
  'wsrep_local_state',
  'wsrep_local_state_comment',
]

type ReadRows = (sql: string) => Promise<RowDataPacket[]>
type Changes = Pick<Engine, 'takesChanges' | 'takesReads' | 'why'>
type Values = Partial<Record<string, string>>

/**
 * Reads what the server is. No privilege is needed.
 *
 * @param read runs a query and returns its rows
 */
export async function readEngine(read: ReadRows): Promise<Engine> {
  const variables = await readValues(read, 'VARIABLES', VARIABLES)
  const { version = '', wsrep_on } = variables
  const changes = changesOf(variables)
  if (wsrep_on === 'ON') return galera(await readValues(read, 'STATUS', GALERA_STATUS), changes)
  if (version.includes('TiDB')) {
    return { name: 'TiDB', readsAll: true, settings: TIDB_SETTINGS, ...changes }
  }
  if (variables.group_replication_group_name) return await groupMember(read, changes)
  return { name: version.includes('MariaDB') ? 'MariaDB' : 'MySQL', readsAll: false, ...changes }
}

async function groupMember(read: ReadRows, changes: Changes): Promise<Engine> {
  const engine = { name: 'group replication', waitStatement: GROUP_REPLICATION_WAIT } as const
  try {
    await read(GROUP_MEMBERSHIP)
    return { ...engine, readsAll: true, ...changes }
  } catch (error) {
    if (!NO_MEMBER.has(errnoOf(error) ?? 0)) throw error
    const why = 'it is not an online member of the majority of its group'
    return { ...engine, readsAll: false, takesChanges: false, takesReads: false, why }
  }
}

function galera(status: Values, changes: Changes): Engine {
  const engine = { name: 'Galera', readsAll: true, waitStatement: GALERA_WAIT } as const
  if (status.wsrep_cluster_status !== 'Primary') {
    const why = `it is not in the primary component: ${status.wsrep_cluster_status}`
    return { ...engine, readsAll: false, takesChanges: false, takesReads: false, why }
  }
  if (status.wsrep_ready !== 'ON' || status.wsrep_local_state !== SYNCED) {
    const why = `it is not synced: ${status.wsrep_local_state_comment}`
    return { ...engine, takesChanges: false, takesReads: false, why }
  }
  return { ...engine, ...changes }
}

function changesOf(variables: Values): Changes {
  const name = readOnlyVariable(variables)
  if (name === undefined) return { takesChanges: true, takesReads: true }
  return { takesChanges: false, takesReads: true, why: `${name}=${variables[name]}` }
}

/**
 * @param variables global variables by name; a server lacks some of them
 * @returns the variable that makes the server refuse changes, if there is one
 */
export function readOnlyVariable(variables: Values): string | undefined {
  return ['super_read_only', 'read_only', 'innodb_read_only', 'tidb_super_read_only'].find(
    (name) => !['OFF', '0', undefined].includes(variables[name]),
  )
}

async function readValues(
  read: ReadRows,
  what: 'VARIABLES' | 'STATUS',
  names: string[],
): Promise<Values> {
  const rows = await read(`SHOW GLOBAL ${what} WHERE Variable_name IN ('${names.join("','")}')`)
  return Object.fromEntries(rows.map((row) => [row.Variable_name, row.Value]))
}
