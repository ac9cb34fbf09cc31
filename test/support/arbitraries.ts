import { dictionary } from '@zxcvbn-ts/language-common'
import fc from 'fast-check'

/** A property whose counterexample takes longer to shrink fails with the one found so far. */
fc.configureGlobal({ interruptAfterTimeLimit: 30_000, markInterruptAsFailure: true })

const commonPasswords = new Set(dictionary['passwords-common'])

const ASCII_LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Every valid username. */
export const usernames = fc
  .tuple(
    fc.constantFrom(...ASCII_LETTERS_AND_DIGITS),
    fc.string({ unit: fc.constantFrom(...ASCII_LETTERS_AND_DIGITS, ...'._@+-'), maxLength: 79 }),
  )
  .map(([first, rest]) => first + rest)

/** Passwords of any characters, from 8 characters to 72 bytes, without the common ones. */
export const passwords = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 8, maxLength: 72 }),
    fc.string({ unit: 'grapheme-composite', minLength: 8, maxLength: 30 }),
    fc.string({ unit: 'binary-ascii', minLength: 8, maxLength: 72 }),
  )
  .filter((text) => Buffer.byteLength(text) <= 72 && !text.includes('\0') && text.isWellFormed())
  .filter((text) => !commonPasswords.has(text.toLowerCase()))

/** Text with everything that a JavaScript string can contain: NUL, line breaks, lone surrogates. */
export const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.string({ unit: 'grapheme' }),
)

/** What a client may send as an id: almost numbers, and anything that a URL can contain. */
export const pathSegments = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
    fc.double().map(String),
    texts.filter((text) => text.isWellFormed()).map(encodeURIComponent),
    fc.string({ unit: fc.constantFrom(...'%0123456789abcdefxX+-._~;,@&=$!*()') }),
  )
  .filter((segment) => !/^(\.|%2e){1,2}$/i.test(segment)) // a URL parser removes them

/** The value of a credential: mostly text, sometimes any JSON. */
const values = fc.oneof({ weight: 3, arbitrary: texts }, fc.jsonValue())

/** Bodies similar to valid ones, and any other JSON. */
export const jsonBodies = fc
  .oneof(
    fc.record({ username: fc.oneof(usernames, values), password: values }, { requiredKeys: [] }),
    fc.record({ password: values, currentPassword: values }, { requiredKeys: [] }),
    fc.dictionary(texts, values, { maxKeys: 5 }),
    fc.jsonValue(),
  )
  .map((value) => JSON.stringify(value))
