import { parse } from 'node:querystring'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'

/**
 * Accepts forms in UTF-8 only, in the scope that registers it: for a standard that requires them. A parameter
 * that is sent several times becomes a list, which the schema refuses.
 */
export default fp(
  async (app) => {
    const utf8 = new TextDecoder('utf-8', { fatal: true })

    app.removeAllContentTypeParsers()
    app.addContentTypeParser<Buffer>(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer' },
      (request, body, done) => {
        if (request.headers['content-encoding'] !== undefined) {
          return done(new errors.UNSUPPORTED_MEDIA_TYPE())
        }
        try {
          done(null, { ...parse(utf8.decode(body)) }) // Ajv requires an object with a prototype
        } catch {
          done(new errors.BAD_REQUEST())
        }
      },
    )
  },
  { name: 'form-body' },
)
