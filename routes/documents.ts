import type { FastifyInstance } from 'fastify'

/**
 * `GET /openapi.json`, in OpenAPI 3.1, and `GET /openapi-3.0.json` for generators that don't support
 * it. They have no `operationId`, so the document leaves them out.
 */
export default async function documents(app: FastifyInstance): Promise<void> {
  for (const { url, make } of [
    { url: '/openapi.json', make: () => app.swagger() },
    { url: '/openapi-3.0.json', make: () => app.swagger30() },
  ]) {
    let text: string | undefined // made on the first request: most processes get none
    app.route({
      method: 'GET',
      url,
      handler: async (_request, reply) => {
        text ??= JSON.stringify(make())
        reply.type('application/json; charset=utf-8')
        return text
      },
    })
  }
}
