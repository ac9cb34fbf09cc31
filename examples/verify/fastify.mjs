// A hook for a service that uses Fastify. A test runs this file: docs/verify.md.
// Behind a proxy, set Fastify's `trustProxy`: otherwise `request.ip` is the proxy. The routes check role and scope.

/** @param options `url` of Gatehouse, a `token` with the scope `introspect`, and the name of the `cookie` */
export function signedIn({ url, token, cookie = '__Host-session' }) {
  const ours = new RegExp(`(?:^|; *)${cookie}=([^;]*)`)
  return async (request, reply) => {
    const bearer = /^Bearer *(.*)$/i.exec(request.headers.authorization ?? '')
    const [, credential = ''] = bearer ?? ours.exec(request.headers.cookie ?? '') ?? []
    const refused = () => reply.code(401).header('www-authenticate', 'Bearer').send()
    if (credential === '' || credential.length > 200) return refused()
    const response = await fetch(`${url}/introspect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams({ token: credential, address: request.ip }),
      signal: AbortSignal.timeout(3_000),
    }).catch(() => undefined)
    if (!response?.ok) return reply.code(503).header('retry-after', '1').send()
    request.caller = await response.json()
    if (!request.caller.active) return refused()
  }
}
