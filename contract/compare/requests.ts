import { type Json, objectAt, objectsAt, resolve, textAt } from '../json.ts'
import { type Context, compareRest } from './context.ts'
import { compareSchemas } from './schemas.ts'

/** Compares the parameters and the body of a request. */
export function compareRequests(context: Context, old: Json, now: Json): void {
  compareParameters(context, old, now)
  compareBody(context, old, now)
}

function compareParameters(context: Context, old: Json, now: Json): void {
  const { report } = context
  const before = parametersOf(context.before, old)
  const after = parametersOf(context.after, now)
  for (const [key, { where, parameter }] of before) {
    const other = after.get(key)?.parameter
    if (!other) {
      report('parameter-removed', where, 'is gone')
      continue
    }
    if (!parameter.required && other.required) report('request-required', where, 'becomes required')
    if (parameter.required && !other.required) report('request-widened', where, 'becomes optional')
    for (const key of ['style', 'explode', 'allowReserved']) {
      if (parameter[key] !== other[key]) report('serialization-changed', where, `changes ${key}`)
    }
    compareSchemas(context, 'request', parameter.schema, other.schema, where)
    compareRest(context, parameter, other, where, COMPARED)
  }
  for (const [key, { where, parameter }] of after) {
    if (before.has(key)) continue
    if (parameter.required) report('request-required', where, 'is new and required')
    else report('request-added', where, 'is new')
  }
}

const COMPARED = ['name', 'in', 'required', 'schema', 'style', 'explode', 'allowReserved']

/** @returns the parameters by place and name; names of headers are case-insensitive (RFC 9110 5.1) */
function parametersOf(document: Json, operation: Json) {
  const parameters = objectsAt(operation, 'parameters').map((item) => resolve(document, item).node)
  return new Map(
    parameters.map((parameter) => {
      const place = textAt(parameter, 'in')
      const name = textAt(parameter, 'name')
      const where = `${place} ${name}`
      return [place === 'header' ? where.toLowerCase() : where, { where, parameter }]
    }),
  )
}

function compareBody(context: Context, before: Json, after: Json): void {
  const { report } = context
  const { node: old } = resolve(context.before, before.requestBody)
  const { node: now } = resolve(context.after, after.requestBody)
  if (before.requestBody && !after.requestBody) report('body-removed', 'body', 'is gone')
  if (!old.required && now.required)
    report('request-required', 'body', 'is new or becomes required')
  else if (!before.requestBody && after.requestBody) report('request-added', 'body', 'is new')
  if (!before.requestBody || !after.requestBody) return
  if (old.required && !now.required) report('request-widened', 'body', 'becomes optional')
  compareRest(context, old, now, 'body', ['required', 'content'])
  const types = objectAt(now, 'content')
  for (const type of Object.keys(objectAt(old, 'content'))) {
    const where = `body ${type}`
    if (!Object.hasOwn(types, type)) {
      report('content-type-removed', where, 'is no longer taken')
      continue
    }
    const [media, other] = [objectAt(objectAt(old, 'content'), type), objectAt(types, type)]
    compareSchemas(context, 'request', media.schema, other.schema, where)
    compareRest(context, media, other, where, ['schema'])
  }
  for (const type of Object.keys(types)) {
    if (!Object.hasOwn(objectAt(old, 'content'), type)) {
      report('content-type-added', `body ${type}`, 'is taken')
    }
  }
}
