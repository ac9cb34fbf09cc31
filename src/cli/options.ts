import { InvalidArgumentError } from 'commander'

/** @returns a parser for an option that is a whole number from `min` to `max` */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^(0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
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
