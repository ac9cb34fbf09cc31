import fp from 'fastify-plugin'
import { errors } from './errors/errors.ts'

/**
 * Takes JSON in UTF-8 (RFC 8259) and nothing else. An empty body is no body, since clients send
 * the content type with every request; an operation without a body also takes an empty object. Bytes that aren't UTF-8 are refused, not replaced.
 */
export default fp(
  async (app) => {
    const parseJson = app.getDefaultJsonParser('error', 'error')
    const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }) // the parser takes one

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
          return done(new errors.VALIDATION_FAILED().at('body', 'is not taken here'))
        }
        parseJson(request, text, done)
      },
    )
  },
  { name: 'json-body' },
)
