import type { OpenAPIV3_1 } from 'openapi-types'

export interface NamedOperation extends OpenAPIV3_1.OperationObject {
  /** Such as `get /user/{id}`. */
  name: string
}

export function operationsOf({ paths }: OpenAPIV3_1.Document): NamedOperation[] {
  return Object.entries(paths ?? {}).flatMap(
    ([path, item]) =>
      Object.entries(item ?? {}).map(
        ([method, operation]) =>
          ({ ...(operation as object), name: `${method} ${path}` }) as NamedOperation,
      ), // the paths contain operations only
  )
}

/**
 * Calls a function with every object of a document, and its keys from the root.
 *
 * @param follow replaces an object before its properties are visited, such as a reference
 */
export function visit(
  node: unknown,
  each: (node: Record<string, unknown>, keys: string[]) => void,
  follow = (found: object) => found,
  keys: string[] = [],
): void {
  if (typeof node !== 'object' || node === null) return
  const found = follow(node)
  if (!Array.isArray(found)) each(found as Record<string, unknown>, keys) // it is a plain object
  for (const [key, value] of Object.entries(found)) visit(value, each, follow, [...keys, key])
}
