import { type Json, objectAt, stringsAt, textAt } from '../json.ts'
import { type Context, compareRest } from './context.ts'
import { compareRequests } from './requests.ts'
import { compareResponses } from './responses.ts'
import { compareSecurity } from './security.ts'

/** Compares an operation that both documents have. */
export function compareOperation(context: Context, old: Json, now: Json): void {
  const { report } = context
  const [id, newId] = [textAt(old, 'operationId'), textAt(now, 'operationId')]
  if (id !== newId) report('operation-renamed', 'operationId', `becomes ${newId}`)
  const [tags, newTags] = [stringsAt(old, 'tags'), stringsAt(now, 'tags')]
  if (tags.join() !== newTags.join()) report('operation-moved', 'tags', `become ${newTags}`)
  if (!old.deprecated && now.deprecated)
    report('operation-deprecated', 'operation', 'is deprecated')
  compareSecurity(context, old, now)
  compareCodes(context, old, now)
  compareRequests(context, old, now)
  compareResponses(context, old, now)
  compareRest(context, old, now, 'operation', COMPARED)
}

const CODES = 'x-error-codes'
const COMPARED = [
  'operationId',
  'tags',
  'deprecated',
  'security',
  'x-required-scope',
  CODES,
  'parameters',
  'requestBody',
  'responses',
]

/**
 * `ErrorCode` is one enum for all operations; `x-error-codes` has those that an operation returns. A
 * code that the released enum lacks breaks the operations that return it, and no other.
 */
function compareCodes({ before, report }: Context, old: Json, now: Json): void {
  const codes = stringsAt(old, CODES)
  const newCodes = stringsAt(now, CODES)
  const { ErrorCode } = objectAt(objectAt(before, 'components'), 'schemas')
  const known = stringsAt({ ...(ErrorCode ?? {}) }, 'enum')
  for (const code of codes) {
    if (!newCodes.includes(code)) report('code-removed', 'errors', `lose the code ${code}`)
  }
  for (const code of newCodes) {
    if (codes.includes(code)) continue
    report(known.includes(code) ? 'code-listed' : 'code-added', 'errors', `get the code ${code}`)
  }
}
