import type { Json } from '../json.ts'
import type { SchemaComparison } from './context.ts'

/** The schema of `code` in errors: which codes an operation can return is in `x-error-codes`. */
const ERROR_CODES = 'ErrorCode'

const ALL_TYPES = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']

export const COMPARED = ['type', 'enum']

export const compareTypes: SchemaComparison = ({ report }, side, old, now, where) => {
  const from = typesOf(old)
  const to = typesOf(now)
  const added = to.filter((type) => !from.includes(type))
  const removed = from.filter((type) => !to.includes(type))
  if (side === 'response') {
    for (const type of added) {
      if (type === 'null') report('null-added', where, 'can be null')
      else report('type-added', where, `can be ${type}`)
    }
    return
  }
  for (const type of removed) report('type-removed', where, `no longer takes ${type}`)
  for (const type of added) report('request-widened', where, `takes ${type}`)
}

/** An integer is a number, so the type `number` has both. */
function typesOf({ type }: Json): string[] {
  const types = type === undefined ? ALL_TYPES : [type].flat().map(String)
  return types.includes('number') ? [...new Set([...types, 'integer'])] : types
}

export const compareEnums: SchemaComparison = ({ report }, side, old, now, where) => {
  const from = Array.isArray(old.enum) ? old.enum : undefined
  const to = Array.isArray(now.enum) ? now.enum : undefined
  if (!from || !to) {
    if (from && side === 'request') report('request-widened', where, 'takes values beside its enum')
    if (from && side === 'response') report('response-widened', where, 'has no enum any more')
    if (to && side === 'request') report('request-narrowed', where, 'takes only values of an enum')
    return
  }
  for (const value of from) {
    if (!to.includes(value)) report('value-removed', where, `loses the value ${value}`)
  }
  for (const value of to) {
    if (from.includes(value)) continue
    if (side === 'request') report('value-accepted', where, `takes the value ${value}`)
    else if (where !== `responses: ${ERROR_CODES}`) {
      report('value-added', where, `gets the value ${value}`)
    }
  }
}
