import { type Json, objectAt, objectsAt, stringsAt } from '../json.ts'
import { type Context, compareRest } from './context.ts'

/** A list of alternatives; an empty one means that anyone may call the operation. */
function alternativesOf(document: Json, operation: Json): Json[] {
  const found = objectsAt(operation.security === undefined ? document : operation, 'security')
  return found.length > 0 ? found : [{}]
}

/** Whether a client with the credentials of one alternative has those of the other. */
function suffices(has: Json, needs: Json): boolean {
  return Object.keys(needs).every(
    (scheme) =>
      Object.hasOwn(has, scheme) &&
      stringsAt(needs, scheme).every((scope) => stringsAt(has, scheme).includes(scope)),
  )
}

function nameOf(alternative: Json): string {
  return Object.keys(alternative).join(' with ') || 'no credential'
}

/** Compares which credentials, and which scope of a limited token, an operation needs. */
export function compareSecurity(context: Context, old: Json, now: Json): void {
  const { report } = context
  const before = alternativesOf(context.before, old)
  const after = alternativesOf(context.after, now)
  for (const has of before) {
    if (!after.some((needs) => suffices(has, needs))) {
      report('security-changed', 'security', `no longer takes ${nameOf(has)}`)
    }
    for (const scheme of Object.keys(has)) compareScheme(context, scheme)
  }
  const isPublic = before.some((has) => Object.keys(has).length === 0)
  for (const needs of isPublic ? [] : after) {
    if (!before.some((has) => suffices(has, needs))) {
      report('credential-added', 'security', `takes ${nameOf(needs)}`)
    }
  }
  const [scope, newScope] = [old, now].map((operation) => operation['x-required-scope'])
  if (scope === newScope) return
  if (newScope === undefined) report('request-widened', 'security', 'needs no scope')
  else report('security-changed', 'security', `needs the scope ${newScope}`)
}

function compareScheme(context: Context, name: string): void {
  const [old, now] = [context.before, context.after].map((document) =>
    objectAt(objectAt(objectAt(document, 'components'), 'securitySchemes'), name),
  )
  const fields = ['type', 'in', 'name', 'scheme', 'openIdConnectUrl']
  for (const field of fields) {
    if (old?.[field] === now?.[field]) continue
    context.report('scheme-changed', `scheme ${name}`, `changes ${field} to ${now?.[field]}`)
  }
  compareRest(context, old ?? {}, now ?? {}, `scheme ${name}`, [...fields, 'bearerFormat'])
}
