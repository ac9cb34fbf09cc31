import type { FastifyReply, FastifyRequest } from 'fastify'

/** An entity tag in a list of them (RFC 9110 8.8.3), weak or not. */
const ENTITY_TAG = /(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g
const VERSION = /^[1-9][0-9]{0,9}$/

interface Versioned {
  version: number
}

/**
 * Puts the `ETag` of an account on an answer. It is weak: it tells the row's version, not the bytes
 * that a release of this server makes of it.
 */
export function setEtag(reply: FastifyReply, { version }: Versioned): void {
  reply.header('etag', `W/"${version}"`)
}

/**
 * Whether the client has this version already (`If-None-Match`, RFC 9110 13.1.2), so that the
 * answer is a 304.
 */
export function hasVersion({ headers }: FastifyRequest, { version }: Versioned): boolean {
  const known = headers['if-none-match']
  if (known === undefined) return false
  return known.trim() === '*' || versionsIn(known).includes(version)
}

/**
 * Which versions a change is meant for (`If-Match`, RFC 9110 13.1.1). Weak tags count here, other
 * than there: see decision 0009.
 *
 * @returns undefined if it is for any; a list without any version if no tag is one of ours
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
