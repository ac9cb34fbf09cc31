import { type Static, type TSchema, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { CURSOR_PATTERN } from '../../plugins/cursors.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { closedObject, nullable, ref } from './schemas.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 100
/** The position before the first id. */
const BEGINNING = 0

const Cursor = Type.String({ pattern: CURSOR_PATTERN })
/** The longest username has 320 bytes, which become 494 characters with the signature in base64url. */
const MAX_CURSOR_LENGTH = 600

/** The parameters of every list. Numbers stay text until they are validated. */
export const pageParameters = {
  limit: Type.Optional(
    Type.String({
      pattern: '^([1-9][0-9]?|100)$',
      description: 'a whole number from 1 to 100',
      [DOCUMENTED_AS]: Type.Integer({
        minimum: 1,
        maximum: MAX_LIMIT,
        default: DEFAULT_LIMIT,
        format: 'int32',
        description: 'how many items at most',
      }),
    }),
  ),
  cursor: Type.Optional(
    // Without the pattern: the signature is checked, and its error is the better one.
    Type.String({
      minLength: 1,
      maxLength: MAX_CURSOR_LENGTH,
      [DOCUMENTED_AS]: {
        ...Cursor,
        maxLength: MAX_CURSOR_LENGTH,
        description: 'the `nextCursor` of the previous page',
      },
    }),
  ),
}

export const PageQuery = closedObject(pageParameters)

/** @param $id the name of the schema in the document */
export function page<Item extends TSchema>($id: string, item: Item) {
  return Type.Object(
    { items: Type.Array(ref(item)), nextCursor: nullable(Cursor) },
    {
      $id,
      description: 'A page of a list, and the cursor of the next page',
    },
  )
}

export interface List<Row, Item> {
  /** A cursor is valid for lists of this name only. */
  name: string
  /** @param position of the last row of the previous page; undefined for the first page */
  find(position: string | undefined, limit: number): Promise<Row[]>
  /** The unique value by which the list is ordered. */
  positionOf(row: Row): string | number
  toItem(row: Row): Item
}

interface PageRequest {
  server: FastifyInstance
  query: Static<typeof PageQuery>
}

/**
 * Reads a page of a list that ends: after the last page there is no cursor.
 *
 * @throws VALIDATION_FAILED if the cursor is not one of this list
 */
export async function readPage<Row, Item>(
  request: PageRequest,
  reply: FastifyReply,
  list: List<Row, Item>,
) {
  const { items, cursor, hasNext } = await readRows(request, reply, list)
  return { items, nextCursor: hasNext ? cursor : null }
}

/**
 * Reads a page of a feed that grows: there is always a cursor, which leads to later rows.
 *
 * @throws VALIDATION_FAILED if the cursor is not one of this feed
 */
export async function readFeed<Row, Item>(
  request: PageRequest,
  reply: FastifyReply,
  feed: List<Row, Item>,
) {
  const { items, cursor } = await readRows(request, reply, feed)
  const { cursors } = request.server
  return { items, nextCursor: cursor ?? cursors.encode(feed.name, BEGINNING) }
}

/** @returns the cursor after the last item: null if there is none yet */
async function readRows<Row, Item>(
  { server: { cursors }, query }: PageRequest,
  reply: FastifyReply,
  { name, find, positionOf, toItem }: List<Row, Item>,
) {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit)
  const position = query.cursor === undefined ? undefined : cursors.decode(name, query.cursor)
  const rows = await find(position, limit + 1) // the extra row shows whether a next page exists
  const hasNext = rows.length > limit
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const cursor =
    last === undefined ? (query.cursor ?? null) : cursors.encode(name, positionOf(last))
  if (hasNext && cursor !== null) {
    // A relative URL (RFC 8288), so that it is right behind a proxy that adds a path.
    const next = new URLSearchParams({ ...query, cursor })
    reply.header('link', `<?${next}>; rel="next"`)
  }
  return { items: page.map(toItem), cursor, hasNext }
}

/** @returns the position in a list that is ordered by id */
export function idAt(position: string | undefined): number | undefined {
  return position === undefined ? undefined : Number(position)
}
