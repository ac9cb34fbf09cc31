import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { OpenAPIV3_1 } from 'openapi-types'

type Document = OpenAPIV3_1.Document
type Response = OpenAPIV3_1.ResponseObject
type Reference = OpenAPIV3_1.ReferenceObject
type Operation = OpenAPIV3_1.OperationObject & { 'x-error-codes'?: string[] }

/** A response to a request that reached a route. */
export interface Exchange {
  method: string
  /** The route's pattern, as `/user/:id`; undefined for an unknown path. */
  url: string | undefined
  status: number
  headers: Record<string, unknown>
  body: string
}

/** What isn't an operation: the documents, the page, and preflights of CORS. */
const UNDOCUMENTED_ROUTES = /^(\/openapi(-3\.0)?\.json|\/docs(\/.*)?|\*)$/
/** A second path of documented operations, which the document leaves out (routes/user-sessions). */
const UNDOCUMENTED_PATHS: Record<string, string> = { '/user/:id/sessions': '/users/:id/sessions' }

/**
 * Compares responses with a document. An undeclared status, error code, documented header or
 * property is an error.
 *
 * @param isReleased for the document of an older version: what it lacks is an addition. Its schemas
 *   and its default response apply, as a client with closed enums has them
 * @returns a function that returns the errors of a response
 */
export function createDocumentCheck(
  document: Document,
  { isReleased = false } = {},
): (exchange: Exchange) => string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'document', ...(isReleased ? document : closed(document)) })
  const validators = new Map<string, ValidateFunction>()
  const known = isReleased ? [] : Object.keys(document.components?.headers ?? {})

  return (exchange) => {
    const { method, status, headers, body } = exchange
    const name = `${method} ${exchange.url} ${status}`
    const found = operationOf(document, exchange)
    const code = codeOf(body)
    if (!found) {
      const { url } = exchange
      const isKnown = url === undefined || UNDOCUMENTED_ROUTES.test(url)
      return isKnown || isReleased ? [] : [`${name}: the document has no such operation`]
    }
    const { responses = {} } = found
    const declared = responses[status] ?? (isReleased ? responses.default : undefined)
    const response = resolve<Response>(document, declared)
    if (!response) return [`${name} is not declared`]

    const faults = [
      ...headerFaults(response, headers),
      ...(method === 'HEAD' ? [] : bodyFaults(response, headers, body)),
    ]
    const isUndeclared = !isReleased && !found['x-error-codes']?.includes(code ?? '')
    if (code !== undefined && status >= 400 && isUndeclared) {
      faults.push(`code ${code} is not declared`)
    }
    return faults.map((fault) => `${name}: ${fault}`)
  }

  function headerFaults(response: Response, headers: Record<string, unknown>): string[] {
    const declared = response.headers ?? {}
    const undeclared = known.filter(
      (name) => headerOf(headers, name) !== undefined && !declared[name],
    )
    const faults = undeclared.map((name) => `header ${name} is not declared`)
    for (const [name, reference] of Object.entries(declared)) {
      const header = resolve<OpenAPIV3_1.HeaderObject>(document, reference)
      const value = headerOf(headers, name)
      if (value === undefined) {
        if (header?.required) faults.push(`header ${name} is missing`)
      } else if (header?.schema) {
        const isNumber = 'type' in header.schema && header.schema.type === 'integer'
        for (const one of [value].flat()) {
          faults.push(...schemaFaults(header.schema, isNumber ? Number(one) : one, name))
        }
      }
    }
    return faults
  }

  function bodyFaults(response: Response, headers: Record<string, unknown>, body: string) {
    if (body === '') return response.content ? ['there is no body'] : []
    const type = String(headers['content-type']).replace('; charset=utf-8', '')
    const schema = response.content?.[type]?.schema
    return schema ? schemaFaults(schema, JSON.parse(body), 'body') : [`${type} is not declared`]
  }

  function schemaFaults(schema: object, value: unknown, name: string): string[] {
    const key = JSON.stringify(schema)
    const validate = validators.get(key) ?? ajv.compile(absolute(schema))
    validators.set(key, validate)
    if (validate(value)) return []
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${name}${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }
}

/** Names are case-insensitive: the document has those of the RFCs, Node has lower case. */
function headerOf(headers: Record<string, unknown>, name: string): unknown {
  return headers[name.toLowerCase()]
}

function operationOf(document: Document, { method, url = '' }: Exchange): Operation | undefined {
  const path = (UNDOCUMENTED_PATHS[url] ?? url).replaceAll(/:(\w+)/g, '{$1}')
  const isRead = method === 'HEAD' || url === '/verify' // any method of which does the same
  const name = isRead ? 'get' : method.toLowerCase()
  return document.paths?.[path]?.[name as 'get'] // another method finds nothing
}

function codeOf(body: string): string | undefined {
  try {
    return JSON.parse(body)?.code
  } catch {
    return undefined
  }
}

/** Resolves a node of the document if it is a reference. */
export function resolve<Node extends object>(
  document: Document,
  node: Node | Reference | undefined,
): Node | undefined {
  if (!node || !('$ref' in node)) return node as Node | undefined
  const [, ...path] = String(node.$ref).split('/')
  return path.reduce<unknown>(
    (found, key) => (found as Record<string, unknown>)[key],
    document,
  ) as Node // as the reference says
}

/** Makes references of the document refer to the schema `document` of an Ajv instance. */
export function absolute(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/'))
}

/** @returns a copy in which objects have no undeclared properties */
function closed<Node>(node: Node): Node {
  if (Array.isArray(node)) return node.map(closed) as Node
  if (typeof node !== 'object' || node === null) return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]))
  const isObject = 'properties' in node && 'type' in node && node.type === 'object'
  return { ...copy, ...(isObject && { additionalProperties: false }) } as Node
}
