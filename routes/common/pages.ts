import { type Static, type TSchema, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { closedObject, nullable, ref } from './schemas.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 100
/** Before the first id. */
const BEGINNING = 0

const Cursor = Type.String({ minLength: 1, maxLength: 400 })

/** What every list takes. Numbers stay text until they are known to be ones. */
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
  cursor: Type.Optional({
    ...Cursor,
    description: 'where to go on: the `nextCursor` of the part before',
  }),
}

export const PageQuery = closedObject(pageParameters)

/**
 * A part of a list, and the cursor of the next; null at the end. There is no count.
 *
 * @param $id its name in the document
 */
export function page<Item extends TSchema>($id: string, item: Item) {
  return Type.Object(
    { items: Type.Array(ref(item), { maxItems: MAX_LIMIT }), nextCursor: nullable(Cursor) },
    {
      $id,
      description:
        'A part of a list, and where the next begins: null at the end, but for events in the order `oldest`, whose last cursor is good for what comes later',
    },
  )
}

export interface List<Row, Item> {
  /** Its cursors are good for lists of this name alone. */
  name: string
  /** Whether rows come to its end, so that its last cursor is good for those to come. */
  grows?: boolean
  /** @param position of the row behind which to go on; undefined at the beginning */
  find(position: string | undefined, limit: number): Promise<Row[]>
  /** What the list is ordered by, and unique. */
  positionOf(row: Row): string | number
  toItem(row: Row): Item
}

interface PageRequest {
  server: FastifyInstance
  query: Static<typeof PageQuery>
}

/**
 * Reads the part of a list that a request asks for, and tells where the next begins, also in a
 * `Link` header (RFC 8288).
 *
 * @throws VALIDATION_FAILED if the cursor isn't one of this list
 */
export async function readPage<Row, Item>(
  { server: { cursors }, query }: PageRequest,
  reply: FastifyReply,
  { name, grows = false, find, positionOf, toItem }: List<Row, Item>,
) {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit)
  const position = query.cursor === undefined ? undefined : cursors.decode(name, query.cursor)
  const rows = await find(position, limit + 1) // one more tells whether there is a next part
  const hasNext = rows.length > limit
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const cursor = last === undefined ? query.cursor : cursors.encode(name, positionOf(last))
  const nextCursor = grows ? (cursor ?? cursors.encode(name, BEGINNING)) : hasNext ? cursor : null
  if (hasNext && cursor !== undefined) {
    // Relative, so that it holds behind a proxy that serves this under another path.
    const next = new URLSearchParams({ ...query, cursor })
    reply.header('link', `<?${next}>; rel="next"`)
  }
  return { items: shown.map(toItem), nextCursor: nextCursor ?? null }
}

/** For lists that are ordered by id. */
export function idAt(position: string | undefined): number | undefined {
  return position === undefined ? undefined : Number(position)
}
