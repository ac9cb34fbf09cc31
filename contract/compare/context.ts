import type { Report } from '../findings.ts'
import { isSame, type Json } from '../json.ts'

/** What a comparison of an operation needs. */
export interface Context {
  /** The document of the last release. */
  before: Json
  /** Today's document. */
  after: Json
  report: Report
  /** The schemas of the operation that are compared: a schema can contain itself. */
  seen: Set<string>
}

/** Who sends a value: the client in a request, or the server in a response. */
export type Side = 'request' | 'response'

/** Reports what one kind of change does to a schema. */
export type SchemaComparison = (
  context: Context,
  side: Side,
  old: Json,
  now: Json,
  where: string,
) => void

/** Has no meaning for a program. */
const ANNOTATIONS = [
  'description',
  'summary',
  'title',
  'example',
  'examples',
  'externalDocs',
  'deprecated',
]

/** Reports what differs and is neither compared elsewhere nor an annotation. */
export function compareRest(
  { before, after, report }: Context,
  old: Json,
  now: Json,
  where: string,
  compared: readonly string[],
): void {
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (compared.includes(key) || ANNOTATIONS.includes(key)) continue
    if (!isSame(before, old[key], after, now[key]))
      report('not-understood', where, `changes ${key}`)
  }
}
