// A middleware for a service that uses Express. A test runs this file: docs/verify.md.
// Behind a proxy, set Express's `trust proxy`: otherwise `request.ip` is the proxy. The routes check role and scope.

/** @param options `url` of Gatehouse, a `token` with the scope `introspect`, and the name of the `cookie` */
export function signedIn({ url, token, cookie = '__Host-session' }) {
  const ours = new RegExp(`(?:^|; *)${cookie}=([^;]*)`)
  return async (request, response, next) => {
    const bearer = /^Bearer *(.*)$/i.exec(request.headers.authorization ?? '')
    const [, credential = ''] = bearer ?? ours.exec(request.headers.cookie ?? '') ?? []
    const refused = () => response.status(401).set('www-authenticate', 'Bearer').end()
    if (credential === '' || credential.length > 200) return refused()
    const inspected = await fetch(`${url}/introspect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams({ token: credential, address: request.ip }),
      signal: AbortSignal.timeout(3_000),
    }).catch(() => undefined)
    if (!inspected?.ok) return response.status(503).set('retry-after', '1').end()
    request.caller = await inspected.json()
    if (!request.caller.active) return refused()
    next()
  }
}
