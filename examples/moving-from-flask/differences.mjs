// Compares the responses of two services to the same requests. Used by compare.mjs.

/**
 * @typedef {import('./play.mjs').RecordedResponse} RecordedResponse
 * @typedef {{ request: string, field: string, before: string, after: string }} Difference
 * @typedef {[field: string, before: string | undefined, after: string | undefined]} Pair
 */

const MAX_TEXT = 60
const ABSENT = '-'

/**
 * @param {RecordedResponse[]} before
 * @param {RecordedResponse[]} after
 * @param {import('./play.mjs').Recording} recording
 * @returns {Difference[]} in the order of the requests
 * @throws {Error} if the responses are not those of the same requests
 */
export function differencesOf(before, after, { ignore = [] }) {
  return after.flatMap((response, index) => {
    const other = before[index]
    if (other?.request !== response.request) {
      throw new Error(`The recorded responses have no "${response.request}" at this place.`)
    }
    const pairs = [...headPairs(other, response), ...bodyPairs(other.body, response.body, ignore)]
    return pairs.flatMap(([field, was, is]) =>
      was === is
        ? []
        : [{ request: response.request, field, before: shortened(was), after: shortened(is) }],
    )
  })
}

/**
 * @param {RecordedResponse} before
 * @param {RecordedResponse} after
 * @returns {Pair[]}
 */
function headPairs(before, after) {
  const [old, current] = [headOf(before), headOf(after)]
  return keysOf(old, current).map((field) => [field, old.get(field), current.get(field)])
}

/** @param {RecordedResponse} response */
function headOf({ status, headers, cookies }) {
  const fields = new Map([['status', String(status)]])
  for (const [name, value] of Object.entries(headers)) {
    // JSON has no parameter `charset` (RFC 8259 11).
    const bare = value.replace(/^(application\/json); *charset=utf-8$/i, '$1')
    fields.set(name, name === 'allow' ? bare.split(/, */).sort().join(', ') : bare)
  }
  for (const cookie of cookies) fields.set(`set-cookie ${cookie.split('=', 1)[0]}`, cookie)
  return fields
}

/**
 * @param {string} before
 * @param {string} after
 * @param {string[]} ignore
 * @returns {Pair[]}
 */
function bodyPairs(before, after, ignore) {
  const [old, current] = [leavesOf(before), leavesOf(after)]
  if (!old || !current) return [['body', described(before), described(after)]]
  const keys = keysOf(old, current)
  const added = keys.filter((key) => !old.has(key)).join(', ')
  const missing = keys.filter((key) => !current.has(key)).join(', ')
  return [
    ...keys
      .filter((key) => old.has(key) && current.has(key) && !ignore.includes(key))
      .map((key) => /** @type {Pair} */ ([`body ${key}`, old.get(key), current.get(key)])),
    ['body, missing', missing || undefined, undefined],
    ['body, added', undefined, added || undefined],
  ]
}

/**
 * @param {string} body
 * @returns {Map<string, string> | undefined} each value by its path; undefined for anything but a JSON object
 */
function leavesOf(body) {
  try {
    const parsed = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? new Map(leaves('', parsed)) : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {string} path
 * @param {unknown} value
 * @returns {[string, string][]}
 */
function leaves(path, value) {
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value)]]
  return Object.entries(value).flatMap(([key, child]) =>
    leaves(path === '' ? key : `${path}.${key}`, child),
  )
}

/** @param {string} body */
function described(body) {
  const title = /<title>([^<]*)<\/title>/.exec(body)?.[1]
  return title === undefined ? body.trim() || undefined : `page "${title.trim()}"`
}

/**
 * @param {Map<string, string>} old
 * @param {Map<string, string>} current
 */
function keysOf(old, current) {
  return [...new Set([...old.keys(), ...current.keys()])]
}

/** @param {string | undefined} text */
function shortened(text = ABSENT) {
  const line = text.replace(/\s+/g, ' ')
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1)}…` : line
}
