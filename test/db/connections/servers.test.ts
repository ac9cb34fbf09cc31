import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import {
  closeDatabase,
  type Database,
  engineOf,
  openDatabase,
  Servers,
} from '../../../db/client.ts'
import {
  hostsOf,
  withHosts,
  withoutDatabase,
  withoutDuplicates,
} from '../../../db/connections/hosts.ts'
import { databaseFault } from '../../../db/errors.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { isTidb } from '../../support/database/engine.ts'
import { open } from '../../support/database/open.ts'
import { failureOf } from '../../support/failure-of.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const TIMEOUT_MS = 4_000
const RECHECK_MS = 50
/** For each of the five answers or more until a connection is ready. */
const SLOW_MS = 200

test('a list has each host once, whatever the case and with or without the default port', (t: TestContext) => {
  const hosts = ['One', 'two:3307', 'one:3306', '[::1]', '[::1]:3306', 'two', 'two:3307']
  t.assert.deepStrictEqual(withoutDuplicates(hosts), ['One', 'two:3307', '[::1]', 'two'])
})

test('a URL has its hosts in their order, and keeps everything else', (t: TestContext) => {
  const url = 'mysql://me:p%2Cw,@one:3306, two,[::1]:3307/gatehouse?x=1'
  t.assert.deepStrictEqual(hostsOf(url), ['one:3306', 'two', '[::1]:3307'])
  t.assert.strictEqual(withHosts(url, ['two']), 'mysql://me:p%2Cw,@two/gatehouse?x=1')
  t.assert.strictEqual(withoutDatabase(url), 'mysql://me:p%2Cw,@one:3306, two,[::1]:3307/?x=1')
})

const needsEqualServers = {
  skip: !isTidb && 'the engine does not keep servers equal; F12 has the same for Galera',
}
test(
  'connections go to the first host, to the next one while it fails, and back after two checks in a row',
  needsEqualServers,
  async (t: TestContext) => {
    const { db, first, second, moves } = await linked(t)
    await query(db)
    t.assert.deepStrictEqual([first.attempts(), second.attempts()], [1, 0])
    await leave(db, first)
    t.assert.strictEqual(second.attempts(), 1)

    first.accept()
    const before = first.attempts()
    await until(
      async () => {
        await query(db)
        return moves.length === 2
      },
      () => `connections do not return: ${moves.join(', ')}`,
    )
    t.assert.deepStrictEqual(moves, [nameOf(second), nameOf(first)])
    t.assert.ok(first.attempts() >= before + 3, 'two checks and a connection')
  },
)

const needsUnequalServers = { skip: isTidb && 'the engine keeps its servers equal' }
test(
  'connections stay on the host that serves when an earlier one is back, which may lack changes, until that host fails',
  needsUnequalServers,
  async (t: TestContext) => {
    const { db, first, second, moves } = await linked(t)
    await query(db)
    await leave(db, first)
    first.accept()
    const before = first.attempts()
    await until(
      async () => {
        await query(db)
        return first.attempts() === before + 2
      },
      () => 'the first host is not checked twice',
    )
    // After the second check, it counts as a host that serves.
    for (let count = 0; count < 100; count++) await query(db)
    t.assert.deepStrictEqual(moves, [nameOf(second)])
    t.assert.strictEqual(first.attempts(), before + 2)

    await leave(db, second)
    t.assert.deepStrictEqual(moves, [nameOf(second), nameOf(first)])
  },
)

test('a host that is silent does not keep operations from the next one within their limit', async (t: TestContext) => {
  const { db, first } = await linked(t)
  first.stall()
  const startedAt = performance.now()
  await query(db)
  t.assert.ok(performance.now() - startedAt < TIMEOUT_MS / 2)
})

test('a host that answers too slowly for a new connection does not count as one that serves again', async (t: TestContext) => {
  const { db, first } = await linked(t)
  await query(db)
  await leave(db, first)
  first.delay(SLOW_MS)
  first.accept()
  const before = first.attempts()
  await until(
    async () => {
      await query(db)
      return first.attempts() >= before + 4
    },
    () => 'the host is not checked any more',
  )
})

test('hosts that all fail make operations fail as one host does, with the error of the first', async (t: TestContext) => {
  const { db, first, second } = await linked(t)
  await first.cut()
  await second.cut()
  t.assert.strictEqual(databaseFault(await failureOf(query(db)))?.code, 'ECONNREFUSED')
  await second.mend()
  await until(
    () => succeeds(db),
    () => 'no operation succeeds',
  )
})

test('a host that keeps refusing, while no other serves, is checked nevertheless', async (t: TestContext) => {
  const { servers, first, second } = await linked(t)
  second.refuse()
  const connection = await servers.open(TIMEOUT_MS)
  t.after(() => connection.end())
  await until(
    () => {
      servers.refused(connection)
      servers.isOutdated(connection)
      return first.attempts() >= 3
    },
    () => 'the host is not checked',
  )
})

test('a server that may lack what others have committed is refused where waiting is required', async (t: TestContext) => {
  const { readsAll } = await engineOf(open(t, DATABASE_URL))
  const db = openDatabase(new Servers(DATABASE_URL, { consistency: 'wait' }), { connections: 1 })
  t.after(() => closeDatabase(db))
  const failure = await query(db).catch((error: unknown) => error)
  const code = databaseFault(failure)?.code
  t.assert.strictEqual(code, readsAll ? undefined : 'STALE_READS')
})

async function linked(t: TestContext) {
  const first = await createDatabaseLink(DATABASE_URL)
  const second = await createDatabaseLink(DATABASE_URL)
  const hosts = [first, second].flatMap(({ url }) => hostsOf(url))
  const servers = new Servers(withHosts(first.url, hosts), { recheckMs: RECHECK_MS })
  const db = openDatabase(servers, { connections: 2, timeoutMs: TIMEOUT_MS })
  t.after(async () => {
    await closeDatabase(db)
    await Promise.all([first.cut(), second.cut()])
  })
  const moves: string[] = []
  servers.onMove = ({ host }) => moves.push(host)
  return { db, servers, first, second, moves }
}

type Link = Awaited<ReturnType<typeof createDatabaseLink>>

function nameOf({ url }: Link): string | undefined {
  return hostsOf(url)[0]
}

/** Lets a host fail until the other one serves. */
async function leave(db: Database, host: Link): Promise<void> {
  host.refuse()
  await until(
    () => succeeds(db),
    () => 'no operation succeeds on the other host',
  )
}

function query(db: Database) {
  return db.execute(sql`SELECT 1`)
}

function succeeds(db: Database): Promise<boolean> {
  return query(db).then(
    () => true,
    () => false,
  )
}
