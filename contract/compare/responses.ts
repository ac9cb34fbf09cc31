import { isSame, type Json, objectAt, resolve } from '../json.ts'
import { type Context, compareRest } from './context.ts'
import { compareSchemas } from './schemas.ts'

/** Compares the responses of an operation. */
export function compareResponses(context: Context, old: Json, now: Json): void {
  const { report } = context
  const [before, after] = [objectAt(old, 'responses'), objectAt(now, 'responses')]
  for (const status of Object.keys(before)) {
    const where = `response ${status}`
    if (Object.hasOwn(after, status)) {
      compareResponse(context, before[status], after[status], where)
    } else report('status-removed', where, 'is gone')
  }
  for (const status of Object.keys(after)) {
    if (Object.hasOwn(before, status)) continue
    const where = `response ${status}`
    const isError = /^[45]/.test(status)
    if (!isError || !before.default) report('status-unexpected', where, 'is new')
    else {
      report('status-added', where, 'is new')
      compareContent(context, resolve(context.before, before.default).node, after[status], where)
    }
  }
}

function compareResponse(context: Context, before: unknown, after: unknown, where: string): void {
  const { node: old } = resolve(context.before, before)
  const { node: now } = resolve(context.after, after)
  compareHeaders(context, old, now, where)
  compareContent(context, old, after, where)
  compareLinks(context, old, now, where)
  compareRest(context, old, now, where, ['headers', 'content', 'links'])
}

function compareHeaders(context: Context, old: Json, now: Json, place: string): void {
  const { report } = context
  const before = headersOf(context.before, old)
  const after = headersOf(context.after, now)
  for (const [key, { name, header }] of before) {
    const where = `${place} header ${name}`
    const other = after.get(key)?.header
    if (!other) {
      report('header-removed', where, 'is gone')
      continue
    }
    if (header.required && !other.required) report('header-optional', where, 'becomes optional')
    compareSchemas(context, 'response', header.schema, other.schema, where)
    compareRest(context, header, other, where, ['required', 'schema'])
  }
  for (const [key, { name }] of after) {
    if (!before.has(key)) report('header-added', `${place} header ${name}`, 'is new')
  }
}

/** @returns the headers by name; names are case-insensitive (RFC 9110 5.1) */
function headersOf(document: Json, response: Json) {
  return new Map(
    Object.entries(objectAt(response, 'headers')).map(([name, item]) => [
      name.toLowerCase(),
      { name, header: resolve(document, item).node },
    ]),
  )
}

function compareContent(context: Context, old: Json, after: unknown, place: string): void {
  const { report } = context
  const before = objectAt(old, 'content')
  const types = objectAt(resolve(context.after, after).node, 'content')
  for (const type of Object.keys(before)) {
    const where = `${place} ${type}`
    if (!Object.hasOwn(types, type)) {
      report('content-type-removed', where, 'is gone')
      continue
    }
    const [media, other] = [objectAt(before, type), objectAt(types, type)]
    compareSchemas(context, 'response', media.schema, other.schema, where)
    compareRest(context, media, other, where, ['schema'])
  }
  for (const type of Object.keys(types)) {
    if (!Object.hasOwn(before, type)) report('content-type-added', `${place} ${type}`, 'is new')
  }
}

function compareLinks({ before, after, report }: Context, old: Json, now: Json, place: string) {
  const [links, others] = [objectAt(old, 'links'), objectAt(now, 'links')]
  for (const [name, link] of Object.entries(links)) {
    const where = `${place} link ${name}`
    if (!Object.hasOwn(others, name)) report('link-removed', where, 'is gone')
    else if (!isSame(before, link, after, others[name])) report('link-changed', where, 'changes')
  }
  for (const name of Object.keys(others)) {
    if (!Object.hasOwn(links, name)) report('link-added', `${place} link ${name}`, 'is new')
  }
}
