// Sends the requests of a recorded client to one service, and returns the responses. Used by compare.mjs.

/**
 * @typedef {object} RecordedRequest
 * @property {string} name
 * @property {string} method
 * @property {string} path
 * @property {unknown} [json] the body, sent as JSON
 * @property {string} [text] the body as it is; `contentType` says what it is
 * @property {string} [contentType]
 * @property {string} [client] whose cookies are sent and kept; the default is `main`
 *
 * @typedef {object} Recording
 * @property {Record<string, string>} [variables] values for `{{name}}` in paths and bodies
 * @property {string[]} [headers] the response headers that are compared
 * @property {string[]} [ignore] fields whose value may differ
 * @property {RecordedRequest[]} requests
 *
 * @typedef {object} RecordedResponse
 * @property {string} request
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {string[]} cookies each a name and attributes, without the value
 * @property {string} body
 */

const TIMEOUT_MS = 30_000

/**
 * Sends the requests one after the other, with the cookies that each client has received.
 *
 * @param {string} base the URL of the service
 * @param {Recording} recording
 * @param {Record<string, string>} variables
 * @returns {Promise<RecordedResponse[]>}
 * @throws {Error} if the service does not respond
 */
export async function play(base, recording, variables) {
  /** @type {Map<string, Map<string, string>>} */
  const jars = new Map()
  const responses = []
  for (const request of recording.requests) {
    const client = request.client ?? 'main'
    const jar = jars.get(client) ?? new Map()
    jars.set(client, jar)
    responses.push(await send(base, filled(request, variables), jar, recording.headers ?? []))
  }
  return responses
}

/**
 * @param {string} base
 * @param {RecordedRequest} request
 * @param {Map<string, string>} jar
 * @param {string[]} compared
 * @returns {Promise<RecordedResponse>}
 */
async function send(base, { name, method, path, json, text, contentType }, jar, compared) {
  const body = json === undefined ? text : JSON.stringify(json)
  const type = contentType ?? (body === undefined ? undefined : 'application/json')
  const cookie = [...jar].map(([key, value]) => `${key}=${value}`).join('; ')
  const url = new URL(path, base)
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...(type && { 'content-type': type }), ...(cookie && { cookie }) },
    ...(body !== undefined && { body }),
  }).catch((error) => {
    throw new Error(`${method} ${url} failed: ${error.cause?.message ?? error.message}`)
  })
  const cookies = response.headers.getSetCookie()
  for (const line of cookies) keep(jar, line)
  const headers = compared.flatMap((key) => {
    const value = response.headers.get(key)
    return value === null ? [] : [[key, value]]
  })
  return {
    request: name,
    status: response.status,
    headers: Object.fromEntries(headers),
    cookies: cookies.map(withoutValue).sort(),
    body: await response.text(),
  }
}

/**
 * @template T
 * @param {T} request
 * @param {Record<string, string>} variables
 * @returns {T} a copy with the values of the variables
 * @throws {Error} if a variable has no value
 */
function filled(request, variables) {
  const text = JSON.stringify(request).replace(/\{\{(\w+)\}\}/g, (_all, name) => {
    const value = variables[name]
    if (value === undefined) throw new Error(`The variable ${name} has no value.`)
    return JSON.stringify(String(value)).slice(1, -1)
  })
  return JSON.parse(text)
}

/**
 * Like a browser, except that a `Secure` cookie is also sent over plain HTTP.
 *
 * @param {Map<string, string>} jar
 * @param {string} line the value of a `Set-Cookie` header
 */
function keep(jar, line) {
  const [pair = '', ...attributes] = line.split(';')
  const [name = '', value = ''] = pair.split(/=(.*)/)
  const isGone = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute))
  if (isGone) jar.delete(name.trim())
  else jar.set(name.trim(), value.trim())
}

/** @param {string} line */
function withoutValue(line) {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const [name = '', value = ''] = pair.split(/=(.*)/)
  const kind = value === '' ? 'cleared' : '…'
  return [`${name}=${kind}`, ...attributes.sort()].join('; ')
}
