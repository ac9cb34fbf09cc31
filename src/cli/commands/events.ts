import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type { Database } from '../../../db/client.ts'
import * as events from '../../../db/queries/events.ts'
import { EVENT_TYPES, type EventType } from '../../../db/schema.ts'
import { example, MAX_COUNT, type OutputOptions, wholeNumber } from '../options.ts'
import { EVENT_LAYOUT, withNames } from '../output/event-layout.ts'
import { pagesOf, printList } from '../output/list.ts'
import { print, toJson } from '../output/output.ts'
import { Table } from '../output/table.ts'
import { findUser, type UserArgument, userArgument } from '../user-argument.ts'
import { withConnection, withConnectionUntilSignal } from '../with-database.ts'

const DEFAULT_LIMIT = 50
const PAGE_ROWS = 500
const POLL_MS = 1_000

interface EventsOptions extends OutputOptions {
  type?: EventType
  user?: UserArgument
  limit: number
  follow?: true
}

type Filter = Pick<events.EventFilter, 'type' | 'userId'>

export function addEvents(program: Command): void {
  program
    .command('events')
    .description('Shows the latest events of the audit trail, the newest one last.')
    .addOption(new Option('--type <type>', 'only events of this type').choices(EVENT_TYPES))
    .option(
      '--user <user>',
      'only events about this user: a username, or id:N, which finds deleted users too',
      userArgument,
    )
    .option('--limit <n>', 'how many past events at most', wholeNumber(0, MAX_COUNT), DEFAULT_LIMIT)
    .option('--follow', 'wait for new events, and show them, until Ctrl-C')
    .option('--json', 'print JSON; with --follow, one object a line')
    .addHelpText('after', example('events --user ada', 'events --type login --follow'))
    .action((options: EventsOptions) =>
      options.follow
        ? withConnectionUntilSignal((db, _config, signal) => follow(db, options, signal))
        : withConnection((db) => show(db, options)),
    )
}

async function show(db: Database, options: EventsOptions): Promise<void> {
  const latest = await findLatest(db, await filterOf(db, options), options.limit)
  await printList([await withNames(db, latest)], EVENT_LAYOUT, options)
}

/** Prints the latest events and then new ones, by their ids, which are in the order of commits. */
async function follow(db: Database, options: EventsOptions, signal: AbortSignal): Promise<void> {
  const filter = await filterOf(db, options)
  const latest = await findLatest(db, filter, Math.max(options.limit, 1))
  let lastId = latest.at(-1)?.id ?? 0
  const printer = createPrinter(db, options)
  await printer(options.limit === 0 ? [] : latest)
  while (!signal.aborted) {
    const page = { order: 'oldest', beyond: lastId, limit: PAGE_ROWS } as const
    const found = await events.list(db, { ...filter, ...page })
    lastId = found.at(-1)?.id ?? lastId
    await printer(found)
    if (found.length < PAGE_ROWS) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

function createPrinter(db: Database, { json }: EventsOptions) {
  const table = new Table()
  let headings = [EVENT_LAYOUT.headings]
  return async (found: events.EventRecord[]) => {
    const named = await withNames(db, found)
    if (json) return await print(...named.map((event) => toJson(EVENT_LAYOUT.toItem(event))))
    await print(...table.format([...headings, ...named.map(EVENT_LAYOUT.toCells)]))
    headings = []
  }
}

/** A deleted user has no name any more, but its id still finds its events. */
async function filterOf(db: Database, { type, user }: EventsOptions): Promise<Filter> {
  if (user === undefined || 'id' in user) return { type, userId: user?.id }
  return { type, userId: (await findUser(db, user)).id }
}

/** @returns the latest events, the newest one last */
async function findLatest(db: Database, filter: Filter, limit: number) {
  const find = (beyond: number | undefined, most: number) =>
    events.list(db, { ...filter, order: 'newest', beyond, limit: most })
  const found: events.EventRecord[] = []
  for await (const rows of pagesOf(find, ({ id }) => id, limit)) found.push(...rows)
  return found.reverse()
}
