import { createHash } from 'node:crypto'

/** SHA-256: the form in which the database keeps secrets of 128 random bits or more, and keys. */
export function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
