import { compareOperation } from './compare/operations.ts'
import { type Finding, Findings } from './findings.ts'
import { isObject, type Json, objectAt, objectsAt, textAt } from './json.ts'

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

/**
 * Compares two OpenAPI documents of version 3.1. References lead to components of the same document.
 *
 * @param before the document of the last release
 * @param after the document of today
 * @throws {Error} if a reference leads nowhere
 */
export function compareDocuments(before: Json, after: Json): Finding[] {
  const findings = new Findings()
  const old = operationsOf(before)
  const now = operationsOf(after)
  for (const [name, operation] of old) {
    const report = findings.reportFor(textAt(operation, 'operationId') || name)
    const other = now.get(name)
    if (!other) report('operation-removed', name, 'is gone')
    else compareOperation({ before, after, report, seen: new Set() }, operation, other)
  }
  for (const [name, operation] of now) {
    if (old.has(name)) continue
    const id = textAt(operation, 'operationId')
    const summary = textAt(operation, 'summary')
    findings.reportFor(id)('operation-added', `\`${name}\``, `(\`${id}\`). ${summary}`)
  }
  return findings.all()
}

/** @returns the operations by method and path, with the parameters of their path */
function operationsOf(document: Json): Map<string, Json> {
  const found = new Map<string, Json>()
  const paths = objectAt(document, 'paths')
  for (const path of Object.keys(paths)) {
    const item = objectAt(paths, path)
    for (const method of METHODS) {
      const operation = item[method]
      if (!isObject(operation)) continue
      const parameters = [...objectsAt(item, 'parameters'), ...objectsAt(operation, 'parameters')]
      found.set(`${method.toUpperCase()} ${path}`, { ...operation, parameters })
    }
  }
  return found
}

/** Whether today's document is of a later major version: it may break clients. */
export function isNewMajor(before: Json, after: Json): boolean {
  const [old = 0, now = 0] = [before, after].map((document) =>
    Number.parseInt(textAt(objectAt(document, 'info'), 'version'), 10),
  )
  return now > old
}
