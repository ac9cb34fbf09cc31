import type { Json } from '../json.ts'
import type { SchemaComparison } from './context.ts'

type Change = 'narrower' | 'wider' | 'other'
type Keyword = (old: unknown, now: unknown) => Change

const lowerLimit: Keyword = (old, now) =>
  Number(now ?? -Infinity) > Number(old ?? -Infinity) ? 'narrower' : 'wider'
const upperLimit: Keyword = (old, now) =>
  Number(now ?? Infinity) < Number(old ?? Infinity) ? 'narrower' : 'wider'
const flag: Keyword = (_old, now) => (now === true ? 'narrower' : 'wider')
/** Whether one pattern includes another is not decided: a changed one is both narrower and wider. */
const text: Keyword = (old, now) =>
  old === undefined ? 'narrower' : now === undefined ? 'wider' : 'other'

/** Keywords of JSON Schema that limit a value, and what a change of each means. */
const KEYWORDS: Record<string, Keyword> = {
  minimum: lowerLimit,
  exclusiveMinimum: lowerLimit,
  minLength: lowerLimit,
  minItems: lowerLimit,
  minProperties: lowerLimit,
  maximum: upperLimit,
  exclusiveMaximum: upperLimit,
  maxLength: upperLimit,
  maxItems: upperLimit,
  maxProperties: upperLimit,
  uniqueItems: flag,
  pattern: text,
  const: text,
  multipleOf: text,
}

export const COMPARED = [...Object.keys(KEYWORDS), 'format', 'default']

export const compareKeywords: SchemaComparison = ({ report }, side, old, now, where) => {
  for (const [keyword, compare] of Object.entries(KEYWORDS)) {
    const isFlag = compare === flag
    if (old[keyword] === now[keyword] || (isFlag && !old[keyword] && !now[keyword])) continue
    const what = describe(keyword, old, now)
    const change = compare(old[keyword], now[keyword])
    if (side === 'response') {
      if (change !== 'narrower') report('response-widened', where, what)
    } else report(change === 'wider' ? 'request-widened' : 'request-narrowed', where, what)
  }
  if (old.format !== now.format) report('format-changed', where, describe('format', old, now))
  // To document a default that the server had already breaks nothing.
  const isOtherDefault =
    old.default !== undefined && JSON.stringify(old.default) !== JSON.stringify(now.default)
  if (side === 'request' && isOtherDefault) {
    report('default-changed', where, describe('default', old, now))
  }
}

function describe(keyword: string, old: Json, now: Json): string {
  const [from, to] = [old[keyword], now[keyword]].map((value) => JSON.stringify(value) ?? 'none')
  return `changes ${keyword} from ${from} to ${to}`
}
