import fp from 'fastify-plugin'
import { errors } from './errors/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    cursors: Cursors
  }
}

interface Cursors {
  /** @param list the list that it belongs to, so that it serves no other */
  encode(list: string, position: string | number): string
  /** @throws VALIDATION_FAILED if this isn't a cursor of that list, made here */
  decode(list: string, cursor: string): string
}

/** Where a list goes on, in a form that clients can't make up. */
export default fp(
  async (app) => {
    const { signer } = app.sessionCookie
    app.decorate('cursors', {
      encode: (list, position) =>
        Buffer.from(signer.sign(`${list} ${position}`)).toString('base64url'),
      decode(list, cursor) {
        const { valid, value } = signer.unsign(Buffer.from(cursor, 'base64url').toString())
        if (!valid || !value?.startsWith(`${list} `)) {
          throw new errors.VALIDATION_FAILED().at('querystring.cursor', 'is not one of this list')
        }
        return value.slice(list.length + 1)
      },
    })
  },
  { name: 'cursors', dependencies: ['session-cookie'] },
)
