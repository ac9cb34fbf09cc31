import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { withoutMapping } from './address.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** Empty if it is no JSON object. */
  body: Record<string, unknown>
  /** The addresses of both ends of the connection. */
  localAddress: string
  remoteAddress: string
}

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
}

const MAX_BYTES = 64 * 1024
/** A login waits up to 2.5 s for its hash. */
const TIMEOUT_MS = 6_000

/**
 * Sends one request, on a connection of its own. Redirects are not followed.
 *
 * @throws the error of the socket or of TLS, or an error with the code `TIMEOUT`
 */
export function send(
  url: URL,
  { method = 'GET', headers = {}, body }: RequestOptions = {},
): Promise<Answer> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  const payload = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        accept: 'application/json',
        'user-agent': 'gatehouse-doctor',
        ...(payload && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        }),
        ...headers,
      },
    })
    const fail = (error: Error) => {
      const isTimeout = error.name === 'AbortError' || error.name === 'TimeoutError'
      reject(isTimeout ? Object.assign(new Error('no answer'), { code: 'TIMEOUT' }) : error)
    }
    outgoing.on('error', fail)
    outgoing.on('response', (incoming) => {
      // Unknown once the other side has closed the connection.
      const { localAddress = '', remoteAddress = '' } = incoming.socket
      let text = ''
      const finish = () => {
        const { statusCode = 0, headers } = incoming
        resolve({
          status: statusCode,
          headers,
          body: parse(text),
          localAddress: withoutMapping(localAddress),
          remoteAddress: withoutMapping(remoteAddress),
        })
        outgoing.destroy()
      }
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => {
        text += chunk
        if (text.length > MAX_BYTES) finish()
      })
      incoming.on('end', finish)
      incoming.on('error', fail)
    })
    outgoing.end(payload)
  })
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

const TLS_FAULTS: Record<string, string> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the proxy does not send the intermediate certificates',
}

/** @returns why no response came, and what to do about it */
export function describeConnection(error: unknown): { text: string; todo: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const fault = TLS_FAULTS[code]
  if (fault) {
    const todo =
      'Give the proxy a certificate that clients trust. If it is from an authority of your own, set NODE_EXTRA_CA_CERTS to its file for this command'
    return { text: `${fault} (${code})`, todo }
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return { text: `TLS failed (${code})`, todo: 'Check that this port of the proxy speaks TLS' }
  }
  if (code === 'TIMEOUT') {
    const todo = 'Check the proxy, the firewall, and that the server runs'
    return { text: `no answer within ${TIMEOUT_MS / 1_000} s`, todo }
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { text: `its name cannot be resolved (${code})`, todo: 'Check the name and the DNS' }
  }
  if (code.startsWith('HPE_')) {
    return { text: `it does not speak HTTP (${code})`, todo: 'Check the scheme and the port' }
  }
  const message = error instanceof Error ? error.message : ''
  return { text: code || message, todo: 'Check the name, the port, the proxy and the firewall' }
}
