import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { stringEnum } from './common/schemas.ts'

/** The shape of errors by RFC 9457, which the server sends only to clients that prefer it. */
const PROBLEMS = ['application/problem+json', 'Problem']

/**
 * `GET /openapi.json`, in OpenAPI 3.1, and `GET /openapi-3.0.json` for generators that don't support
 * it. They have no `operationId`, so the document leaves them out.
 *
 * With `errors=json`, each error has one media type, for generators that make a union of all its shapes.
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
        const isLeftOut = errors === 'json' ? (key: string) => PROBLEMS.includes(key) : () => false
        const text =
          texts.get(errors) ??
          JSON.stringify(make(), (key, value) => (isLeftOut(key) ? undefined : value))
        texts.set(errors, text)
        reply.type('application/json; charset=utf-8')
        return text
      },
    })
  }
}) satisfies FastifyPluginAsyncTypebox
