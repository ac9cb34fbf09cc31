import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'

/**
 * Accepts JSON in UTF-8 (RFC 8259) only. An empty body counts as none, because clients send the
 * content type with every request. Operations without a body also accept an empty object. Bytes
 * that aren't UTF-8 are refused, not replaced.
 */
export default fp(
  async (app) => {
    const parseJson = app.getDefaultJsonParser('error', 'error')
    const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }) // the JSON parser accepts a BOM

    app.removeAllContentTypeParsers()
    app.addContentTypeParser<Buffer>(
      'application/json',
      { parseAs: 'buffer' },
      (request, body, done) => {
        if (body.length === 0) return done(null, undefined)
        if (request.headers['content-encoding'] !== undefined) {
          return done(new errors.UNSUPPORTED_MEDIA_TYPE())
        }
        let text: string
        try {
          text = utf8.decode(body)
        } catch {
          return done(new errors.INVALID_JSON())
        }
        if (request.routeOptions.schema?.body === undefined && !/^\s*\{\s*\}\s*$/.test(text)) {
          return done(new errors.VALIDATION_FAILED().at('body', 'must be absent'))
        }
        parseJson(request, text, done)
      },
    )
  },
  { name: 'json-body' },
)
