import { hash } from 'node:crypto'

/** SHA-256: the form in which the database keeps secrets of 128 random bits or more, and keys. */
export function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** The same in upper-case hex, as the database writes it: lookups take it so. */
export function hexDigest(text: string): string {
  return hash('sha256', text, 'hex').toUpperCase()
}
