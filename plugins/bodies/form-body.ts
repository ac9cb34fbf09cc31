import { parse } from 'node:querystring'
import fp from 'fastify-plugin'
import { errors } from '../errors/errors.ts'

export interface FormOptions {
  /** The names of the parameters. Others are ignored (RFC 6749 3.2). */
  parameters: string[]
}

/**
 * Accepts forms in UTF-8 only, in the scope that registers it: for a standard that requires them. A parameter
 * that is sent several times becomes a list, which the schema refuses. One without a value counts as omitted
 * (RFC 6749 3.2).
 */
export default fp<FormOptions>(
  async (app, { parameters }) => {
    const utf8 = new TextDecoder('utf-8', { fatal: true })

    app.removeAllContentTypeParsers()
    app.addContentTypeParser<Buffer>(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer' },
      (request, body, done) => {
        if (request.headers['content-encoding'] !== undefined) {
          return done(new errors.UNSUPPORTED_MEDIA_TYPE())
        }
        let text: string
        try {
          text = utf8.decode(body)
        } catch {
          return done(new errors.BAD_REQUEST())
        }
        const sent = parse(text, '&', '=', { maxKeys: 0 }) // the size of the body limits them
        const known = parameters.filter((name) => (sent[name] ?? '') !== '')
        done(null, Object.fromEntries(known.map((name) => [name, sent[name]])))
      },
    )
  },
  { name: 'form-body' },
)
