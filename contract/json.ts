/** An object of a document. The comparison reads what is there and relies on no type of it. */
export type Json = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @returns the object at a key, or an empty one */
export function objectAt(node: Json, key: string): Json {
  const value = node[key]
  return isObject(value) ? value : {}
}

/** @returns the strings of the list at a key, or none */
export function stringsAt(node: Json, key: string): string[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** @returns the objects of the list at a key, or none */
export function objectsAt(node: Json, key: string): Json[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter(isObject) : []
}

export function textAt(node: Json, key: string): string {
  return String(node[key] ?? '')
}

/**
 * Whether two nodes mean the same: the order of keys has no meaning, and references are replaced by
 * what they refer to.
 */
export function isSame(before: Json, old: unknown, after: Json, now: unknown): boolean {
  return canonical(before, old) === canonical(after, now)
}

function canonical(document: Json, node: unknown): string {
  return JSON.stringify(expanded(document, node, [])) ?? ''
}

function expanded(document: Json, node: unknown, open: readonly string[]): unknown {
  if (Array.isArray(node)) return node.map((item) => expanded(document, item, open))
  if (!isObject(node)) return node
  const { $ref: reference } = node
  if (typeof reference === 'string') {
    if (open.includes(reference)) return reference // a circle
    return expanded(document, resolve(document, node).node, [...open, reference])
  }
  const keys = Object.keys(node).sort()
  return Object.fromEntries(keys.map((key) => [key, expanded(document, node[key], open)]))
}

/**
 * Follows references within a document.
 *
 * @returns the node, and the name of its component, if it has one
 * @throws {Error} if a reference leads nowhere
 */
export function resolve(document: Json, value: unknown): { node: Json; name?: string } {
  const node = isObject(value) ? value : {}
  const { $ref: reference, ...siblings } = node
  if (typeof reference !== 'string') return { node }
  const keys = reference.replace(/^#\//, '').split('/')
  const target = keys.reduce<unknown>(
    (found, key) => (isObject(found) ? found[key] : undefined),
    document,
  )
  if (!isObject(target)) throw new Error(`${reference} leads nowhere`)
  const name = keys.at(-1) ?? ''
  return { node: { ...resolve(document, target).node, ...siblings }, name }
}
