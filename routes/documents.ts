import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { stringEnum } from './common/schemas.ts'

/** The shape of errors by RFC 9457, which the server sends only to clients that prefer it, and the `default` response. */
const LEFT_OUT = ['application/problem+json', 'Problem', 'UnexpectedError']

/**
 * `GET /openapi.json`, in OpenAPI 3.1, and `GET /openapi-3.0.json` for generators that don't support
 * it. They have no `operationId`, so the document leaves them out.
 *
 * With `errors=json`, each error has one media type, and there is no `default` response, for generators
 * that mix up several shapes of an error, or of all statuses.
 */
export default (async (app) => {
  for (const { url, make } of [
    { url: '/openapi.json', make: () => app.swagger() },
    { url: '/openapi-3.0.json', make: () => app.swagger30() },
  ]) {
    const texts = new Map<string, string>() // made on the first request: most processes get none
    app.route({
      method: 'GET',
      url,
      schema: {
        querystring: Type.Object({ errors: Type.Optional(stringEnum(['json'])) }),
      },
      handler: async ({ query: { errors = 'all' } }, reply) => {
        const text =
          texts.get(errors) ?? JSON.stringify(make(), errors === 'json' ? plainErrors : undefined)
        texts.set(errors, text)
        reply.type('application/json; charset=utf-8')
        return text
      },
    })
  }
}) satisfies FastifyPluginAsyncTypebox

/** A replacer of `JSON.stringify`. A `default` that is no object is that of a parameter. */
function plainErrors(key: string, value: unknown): unknown {
  const isDefault = key === 'default' && typeof value === 'object'
  return isDefault || LEFT_OUT.includes(key) ? undefined : value
}
