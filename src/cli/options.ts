import { InvalidArgumentError } from 'commander'

/** The highest value of an option that counts rows. */
export const MAX_COUNT = 999_999_999

/** @returns a parser for an option that is a whole number from `min` to `max` */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^(0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/**
 * @param rule what a value must be, after "It must be"
 * @param most how many values there may be, with their plural
 * @returns a parser for an option that is given several times: it collects the values, each once
 */
export function listOf(
  isValid: (text: string) => boolean,
  rule: string,
  [most, plural]: [number, string],
) {
  return (text: string, before: string[] = []): string[] => {
    if (!isValid(text)) throw new InvalidArgumentError(`It must be ${rule}.`)
    const all = [...new Set([...before, text])]
    if (all.length <= most) return all
    throw new InvalidArgumentError(`There are at most ${most} ${plural}.`)
  }
}

/** Parses the URL of a server, which has no path: the load scripts append their own. */
export function serverUrl(text: string): string {
  if (/^https?:/i.test(text) && URL.canParse(text)) {
    const { origin, href } = new URL(text)
    if (href === `${origin}/`) return origin
  }
  throw new InvalidArgumentError('It must be a URL without a path, such as http://127.0.0.1:3000.')
}

/** For the commands that print a result. */
export const JSON_OPTION = ['--json', 'print JSON'] as const

/** For the changes that could leave no enabled admin. */
export const FORCE_OPTION = ['--force', 'do it even to the last enabled admin'] as const

export interface OutputOptions {
  json?: true
}

export interface ChangeOptions extends OutputOptions {
  force?: true
}

/** @returns the end of a command's help */
export function example(...lines: string[]): string {
  return `\nExample:\n${lines.map((line) => `  gatehouse ${line}`).join('\n')}`
}
