import { dictionary } from '@zxcvbn-ts/language-common'

/** The bytes of a password that bcrypt reads; it ignores the rest. */
const MAX_BYTES = 72

const commonPasswords = new Set(dictionary['passwords-common'])

/**
 * Checks a new password (NIST SP 800-63B-4 3.1.1.2, OWASP ASVS 5.0 6.2): its length, a list of
 * common passwords, and the username. There are no rules about kinds of characters.
 *
 * @param password in NFC
 * @param minLength in Unicode code points
 * @returns the reason for a refusal, as the end of "The password …", or undefined
 */
export function passwordFault(
  password: string,
  username: string,
  minLength: number,
): string | undefined {
  if (!isHashable(password)) {
    return Buffer.byteLength(password) > MAX_BYTES
      ? `is longer than ${MAX_BYTES} bytes in UTF-8`
      : 'contains a NUL or half of a surrogate pair'
  }
  if ([...password].length < minLength) return `is shorter than ${minLength} characters`
  const folded = password.toLowerCase()
  if (folded === username.toLowerCase()) return 'is the username'
  if (commonPasswords.has(folded)) return 'is one of the most common passwords'
  return undefined
}

/** @returns whether bcrypt reads the whole password: it stops at a NUL and after 72 bytes */
export function isHashable(password: string): boolean {
  return (
    Buffer.byteLength(password) <= MAX_BYTES && !password.includes('\0') && password.isWellFormed()
  )
}
