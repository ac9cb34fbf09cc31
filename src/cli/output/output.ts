/**
 * What a terminal would obey instead of show: control characters (C0, DEL, C1), line separators,
 * characters that change the direction of the text around them, and halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** Makes a text safe to print on one line of a terminal: `\u001b` in place of an escape character. */
export function visible(text: string): string {
  return text.replace(UNSAFE, escapeOf)
}

/** @returns one line of JSON without any character that a terminal would obey */
export function toJson(value: unknown): string {
  // JSON escapes only the characters below a space. All others are in strings, where escapes are valid.
  return JSON.stringify(value).replace(UNSAFE, escapeOf)
}

/** Prints lines on standard output, and waits until they are written. */
export function print(...lines: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const text = lines.map((line) => `${line}\n`).join('')
    // After the callback, the stream emits the same error, which would be uncaught without a listener.
    if (!process.stdout.listeners('error').includes(ignore)) process.stdout.on('error', ignore)
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

/** Whether the reader of standard output, such as `head`, has closed it. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

function ignore(): void {}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
