import type { Json } from '../../../contract/json.ts'

/** The keys to a node, with spaces between them, and its new value; undefined removes it. */
export type Edit = [path: string, value?: unknown]

/** @returns a copy of a document with edits */
export function edited(document: Json, edits: readonly Edit[]): Json {
  const copy = structuredClone(document)
  for (const [path, value] of edits) {
    const keys = path.split(' ')
    const last = keys.pop() ?? ''
    const parent = keys.reduce<unknown>((node, key) => Object(node)[key], copy)
    if (typeof parent !== 'object' || parent === null) throw new Error(`${path} leads nowhere`)
    if (value === undefined) {
      if (!Reflect.has(parent, last)) throw new Error(`${path} is not there`)
      Reflect.deleteProperty(parent, last)
    } else Reflect.set(parent, last, structuredClone(value))
  }
  return copy
}
