import { isObject, type Json, objectAt, resolve, stringsAt } from '../json.ts'
import { type Context, compareRest, type Side } from './context.ts'
import { compareKeywords, COMPARED as KEYWORDS } from './keywords.ts'
import { compareEnums, compareTypes, COMPARED as TYPES } from './types.ts'

const COMPARED = [...TYPES, ...KEYWORDS, 'properties', 'required', 'items', 'additionalProperties']

/**
 * Compares a schema of the last release with the same one of today.
 *
 * @param where the place of the schema; a component is its own place
 */
export function compareSchemas(
  context: Context,
  side: Side,
  before: unknown,
  after: unknown,
  where: string,
): void {
  const { node: old, name: oldName } = resolve(context.before, before)
  const { node: now, name: newName } = resolve(context.after, after)
  const hasClass = [old, now].some((schema) => schema.properties || schema.enum)
  if (oldName !== newName && hasClass) {
    const what = `changes its schema from ${oldName ?? 'none'} to ${newName ?? 'none'}`
    context.report('schema-renamed', where, what)
  }
  const key = `${side} ${oldName} ${newName}`
  if (oldName !== undefined && context.seen.has(key)) return
  context.seen.add(key)

  const place = oldName === undefined ? where : `${side}s: ${oldName}`
  compareTypes(context, side, old, now, place)
  compareEnums(context, side, old, now, place)
  compareKeywords(context, side, old, now, place)
  compareProperties(context, side, old, now, place)
  compareOpenness(context, side, old, now, place)
  if (isObject(old.items) && isObject(now.items)) {
    compareSchemas(context, side, old.items, now.items, `${place}[]`)
  } else compareRest(context, { items: old.items }, { items: now.items }, place, [])
  compareRest(context, old, now, place, COMPARED)
}

function compareProperties(context: Context, side: Side, old: Json, now: Json, place: string) {
  const { report } = context
  const [before, after] = [objectAt(old, 'properties'), objectAt(now, 'properties')]
  const [required, nowRequired] = [stringsAt(old, 'required'), stringsAt(now, 'required')]
  const isRequest = side === 'request'
  for (const [name, schema] of Object.entries(before)) {
    const where = `${place}.${name}`
    if (!Object.hasOwn(after, name)) {
      if (isRequest) report('property-refused', where, 'is gone')
      else report('property-removed', where, 'is gone')
      continue
    }
    if (isRequest && !required.includes(name) && nowRequired.includes(name)) {
      report('request-required', where, 'becomes required')
    }
    if (isRequest && required.includes(name) && !nowRequired.includes(name)) {
      report('request-widened', where, 'becomes optional')
    }
    if (!isRequest && required.includes(name) && !nowRequired.includes(name)) {
      report('property-optional', where, 'becomes optional')
    }
    compareSchemas(context, side, schema, after[name], where)
  }
  for (const name of Object.keys(after)) {
    if (Object.hasOwn(before, name)) continue
    const where = `${place}.${name}`
    if (!isRequest) {
      if (old.additionalProperties === false) report('response-widened', where, 'is new')
      else report('property-added', where, 'is new')
    } else if (nowRequired.includes(name)) report('request-required', where, 'is new and required')
    else report('request-added', where, 'is new')
  }
}

/** From closed objects by those with a schema for other properties to open ones. */
function opennessOf({ additionalProperties = true }: Json): number {
  if (additionalProperties === false) return 0
  return isObject(additionalProperties) && Object.keys(additionalProperties).length > 0 ? 1 : 2
}

function compareOpenness(context: Context, side: Side, old: Json, now: Json, place: string) {
  const { report } = context
  const change = opennessOf(now) - opennessOf(old)
  const what = `takes ${change < 0 ? 'fewer' : 'more'} properties that it does not name`
  if (side === 'response' && change > 0) {
    report('response-widened', place, 'can have more properties that it does not name')
  }
  if (side === 'request' && change !== 0) {
    report(change < 0 ? 'request-narrowed' : 'request-widened', place, what)
  }
  if (change === 0 && opennessOf(old) === 1) {
    const [before, after] = [old.additionalProperties, now.additionalProperties]
    compareSchemas(context, side, before, after, `${place}.*`)
  }
}
