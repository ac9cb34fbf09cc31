import { closeDatabase, type Engine, engineOf, openDatabase, Servers } from '../../../db/client.ts'
import { hostsOf, withHosts, withoutDuplicates } from '../../../db/connections/hosts.ts'
import { type Config, splitList } from '../../config/config.ts'
import { describeFailure } from '../../process/failure.ts'
import { type Check, fail, ok, warn } from './check.ts'
import { checkServer, readVariables } from './database-settings.ts'

const SUBJECT = 'servers'
const TIMEOUT_MS = 3_000

/** What Gatehouse does with an engine. */
const WORK: Record<Engine['name'], string> = {
  MySQL: 'a single server, so no statement waits',
  MariaDB: 'a single server, so no statement waits',
  Galera: 'each statement waits until the node has what was committed on others',
  'group replication': 'each statement waits until the member has what was committed on others',
  TiDB: 'all servers show what was committed on one',
}
const WITHOUT_WAIT =
  'statements do not wait (DATABASE_CONSISTENCY=none), so that an ended session can be valid on another server for a while'

/**
 * Checks each server that the settings name: whether it can be reached, what it is, whether it
 * takes changes, its settings and its clock.
 *
 * @param url of `DATABASE_URL` or of the private database
 */
export async function checkServers(url: string, config: Config): Promise<Check[]> {
  const writers = hostsOf(url)
  const hosts = withoutDuplicates([...writers, ...splitList(config.DATABASE_READ_HOSTS)])
  const found = await Promise.all(hosts.map((host) => inspect(url, host, config)))
  // The check `database` reports the only server.
  if (found.length === 1 && found[0]?.failure !== undefined) return []
  const serving = found.slice(0, writers.length).filter(({ engine }) => engine?.takesChanges)
  const described = found.map((server, index) => {
    const isReader = index >= writers.length
    return describe(server, { isReader, hasOthers: serving.length > 0, config })
  })
  const ofServers = found.flatMap(({ host, checks = [] }) =>
    found.length === 1
      ? checks
      : checks.map((check) => ({ ...check, text: `${host}: ${check.text}` })),
  )
  return [...described, ...checkPrimaries(serving), ...ofServers]
}

interface Found {
  host: string
  engine?: Engine
  /** The same for two names of one server. */
  identity?: string
  failure?: string
  /** Of its settings and its clock. */
  checks?: Check[]
}

/** @returns a failed check if several servers take changes that the engine does not copy both ways */
export function checkPrimaries(found: Found[]): Check[] {
  const primaries = found.filter(({ engine }) => engine?.takesChanges && !engine.readsAll)
  if (new Set(primaries.map(({ identity }) => identity)).size < 2) return []
  const hosts = primaries.map(({ host }) => host).join(' and ')
  const text = `${hosts} take changes, and nothing keeps them equal: an ended session can be valid on one of them`
  const todo =
    'Set read_only=ON on all but the primary, also in the configuration file, so that a server that returns starts with it: docs/scaling.md'
  return [fail(SUBJECT, text, todo)]
}

async function inspect(url: string, host: string, config: Config): Promise<Found> {
  // With another consistency, a server that has left the others is refused before it is described.
  const server = new Servers(withHosts(url, [host]), { consistency: 'none' })
  const db = openDatabase(server, { connections: 1, timeoutMs: TIMEOUT_MS })
  let engine: Engine | undefined
  try {
    engine = await engineOf(db)
    const variables = await readVariables(db)
    const { hostname, port, server_id } = variables
    const identity = `${hostname} ${port} ${server_id}`
    return { host, engine, identity, checks: await checkServer(db, variables, config) }
  } catch (error) {
    if (!engine) return { host, failure: describeFailure(error) }
    const text = `is not checked: ${describeFailure(error)}`
    return { host, engine, checks: [warn('settings', text, 'Try again when it serves')] }
  } finally {
    await closeDatabase(db)
  }
}

interface Circumstances {
  isReader: boolean
  /** Whether another server takes changes. */
  hasOthers: boolean
  config: Config
}

function describe(
  { host, engine, failure }: Found,
  { isReader, hasOthers, config }: Circumstances,
): Check {
  const report = hasOthers ? warn : fail
  if (!engine) {
    const todo = 'Start it, or take it out of the settings'
    return report(SUBJECT, `${host} cannot be reached: ${failure}`, todo)
  }
  const isMember = engine.name === 'group replication'
  if (isMember && engine.takesReads && !engine.takesChanges && hasOthers && !isReader) {
    return ok(SUBJECT, `${host} is ${engine.name} and stands by: ${engine.why}`)
  }
  if (isReader ? !engine.takesReads : !engine.takesChanges) {
    const what = isReader ? 'is not a part of its cluster' : 'takes no changes'
    const text = `${host} is ${engine.name} and ${what}: ${engine.why}`
    const todo = isMember
      ? 'Wait until it has joined'
      : 'Wait until it has joined, or make it writable'
    return report(SUBJECT, text, todo)
  }
  if (isReader && !engine.readsAll) {
    const text = `${host} is ${engine.name}, which can lack what was committed on another server`
    return fail(SUBJECT, text, 'Take it out of DATABASE_READ_HOSTS')
  }
  if (config.DATABASE_CONSISTENCY === 'wait' && !engine.readsAll) {
    const text = `${host} is ${engine.name}, which cannot wait for what was committed on others: the server does not start`
    return fail(SUBJECT, text, 'Set DATABASE_CONSISTENCY=auto')
  }
  const waits = config.DATABASE_CONSISTENCY !== 'none' || engine.waitStatement === undefined
  const text = `${host} is ${engine.name}: ${waits ? WORK[engine.name] : WITHOUT_WAIT}`
  return waits ? ok(SUBJECT, text) : warn(SUBJECT, text, 'Set DATABASE_CONSISTENCY=auto')
}
