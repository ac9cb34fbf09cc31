import { dictionary } from '@zxcvbn-ts/language-common'

/** What bcrypt reads of a password; anything behind it would not count. */
const MAX_BYTES = 72

const commonPasswords = new Set(dictionary['passwords-common'])

/**
 * Judges a new password (NIST SP 800-63B-4 3.1.1.2, OWASP ASVS 5.0 6.2): length, a list of common
 * ones, and the username. There are no rules about kinds of characters.
 *
 * @param minLength in Unicode code points
 * @returns why the password is refused, as the end of "The password …", or undefined
 */
export function passwordFault(
  password: string,
  username: string,
  minLength: number,
): string | undefined {
  if (!isHashable(password)) {
    return Buffer.byteLength(password) > MAX_BYTES
      ? `is longer than ${MAX_BYTES} bytes in UTF-8`
      : 'holds a NUL or half of a surrogate pair'
  }
  if ([...password].length < minLength) return `is shorter than ${minLength} characters`
  const folded = password.toLowerCase()
  if (folded === username.toLowerCase()) return 'is the username'
  if (commonPasswords.has(folded)) return 'is one of the most common passwords'
  return undefined
}

/** Whether bcrypt reads all of the password: it stops at a NUL and after 72 bytes. */
export function isHashable(password: string): boolean {
  return (
    Buffer.byteLength(password) <= MAX_BYTES && !password.includes('\0') && password.isWellFormed()
  )
}
