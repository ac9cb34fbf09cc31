import { hash } from 'node:crypto'

/** SHA-256. The database stores secrets, of at least 128 random bits, in this form only. */
export function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** SHA-256 in upper-case hex, as `HEX()` of the database writes it. */
export function hexDigest(text: string): string {
  return hash('sha256', text, 'hex').toUpperCase()
}
