import type { FastifyReply, FastifyRequest } from 'fastify'

/** An entity tag in a list of them (RFC 9110 8.8.3), weak or not. */
const ENTITY_TAG = /(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g
const VERSION = /^[1-9][0-9]{0,9}$/

interface Versioned {
  version: number
}

/**
 * Sets the `ETag` of an account. The tag is weak: it identifies the version of the row, not the
 * bytes of the response, which may differ between releases.
 */
export function setEtag(reply: FastifyReply, { version }: Versioned): void {
  reply.header('etag', `W/"${version}"`)
}

/** @returns whether the client has this version, so that the response is a 304 (`If-None-Match`, RFC 9110 13.1.2) */
export function hasVersion({ headers }: FastifyRequest, { version }: Versioned): boolean {
  const known = headers['if-none-match']
  if (known === undefined) return false
  return known.trim() === '*' || versionsIn(known).includes(version)
}

/**
 * The versions to which a change is limited (`If-Match`, RFC 9110 13.1.1). Weak tags match, unlike
 * in the RFC: see decision 0009.
 *
 * @returns undefined without a limit; an empty list if no tag is one of ours
 */
export function wantedVersions({ headers }: FastifyRequest): number[] | undefined {
  const wanted = headers['if-match']
  return wanted === undefined || wanted.trim() === '*' ? undefined : versionsIn(wanted)
}

function versionsIn(list: string): number[] {
  return [...list.matchAll(ENTITY_TAG)]
    .map(([, tag = '']) => tag)
    .filter((tag) => VERSION.test(tag))
    .map(Number)
}
