// For a service behind a proxy that calls /verify: reads the identity. A test runs this file: docs/verify.md.
// On a server of Node, set `server.maxHeadersCount = 0`: otherwise Node drops the headers beyond 1,000.

const NAMES = ['user-id', 'username', 'role', 'credential', 'scopes']

/**
 * @param headers as Node has parsed them
 * @returns the caller; undefined for a visitor without a credential
 * @throws Error if some headers of the identity are missing: refuse the request
 */
export function callerOf(headers) {
  const values = NAMES.map((name) => headers[`x-gatehouse-${name}`] ?? '')
  if (values.every((value) => value === '')) return undefined
  if (values.includes('')) throw new Error('the identity is incomplete')
  const [id, username, role, credential, scopes] = values
  const isAllowed = (scope) => scopes === '*' || scopes.split(' ').includes(scope)
  return { id: Number(id), username: decodeURIComponent(username), role, credential, isAllowed }
}
