import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'

/**
 * The page loads files from this server only, and its HTML holds no inline script or style. The
 * icons of its style sheet are `data:` images.
 */
const CONTENT_SECURITY_POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
}

/** Files of the package that don't work here: a page that finds no document, and OAuth's. */
const UNUSED = /^\/docs\/static\/(index\.html|oauth2-redirect\.\w+)?(\?|$)/

/** `GET /docs`: a page to read the document and to try the operations with the browser's session. */
export default fp(
  async (app) => {
    await app.register(async (scope) => {
      scope.addHook('onRequest', (request, _reply, done) => {
        done(UNUSED.test(request.url) ? new errors.ROUTE_NOT_FOUND() : undefined)
      })
      await scope.register(swaggerUi, {
        routePrefix: '/docs',
        staticCSP: CONTENT_SECURITY_POLICY,
        theme: { title: 'Gatehouse' },
        uiConfig: {
          layout: 'BaseLayout', // without the top bar, whose logo has an inline style
          tryItOutEnabled: true,
          displayRequestDuration: true,
          displayOperationId: true,
          deepLinking: true,
        },
      })
    })
  },
  { name: 'docs-page', dependencies: ['openapi'] },
)
