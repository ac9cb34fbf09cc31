import { readFileSync } from 'node:fs'
import type { Accepted } from './findings.ts'
import type { Json } from './json.ts'

/** The document of the last release. */
export const RELEASED = 'contract/openapi.json'
/** The document of this version, which `npm run openapi` renews. */
export const TODAY = 'openapi.json'
/** The client of the last release. */
export const CLIENT = 'contract/client/api.d.ts'
/** Findings that are accepted until the next release, with their reasons. */
export const ACCEPTED = 'contract/accepted.json'

export function readDocument(path: string): Json {
  return JSON.parse(readFileSync(path, 'utf8'))
}

export function readAccepted(): Accepted[] {
  return JSON.parse(readFileSync(ACCEPTED, 'utf8'))
}
