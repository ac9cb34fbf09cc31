import cookie from '@fastify/cookie'
import fp from 'fastify-plugin'
import { errors } from './errors/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    cursors: Cursors
  }
}

export interface CursorsOptions {
  /** The first key signs, all keys verify. They serve no other purpose. */
  keys: Buffer[]
}

/**
 * What every cursor looks like: base64url of a list's name, a position, and the 44 characters of a dot and a
 * signature. They have at least 47 bytes. `decode` accepts more, such as padding, so that it is not checked.
 */
export const CURSOR_PATTERN = '^[A-Za-z0-9_-]{63,}$'

interface Cursors {
  /** @param list the name of the list: the cursor is valid for this list only */
  encode(list: string, position: string | number): string
  /** @throws VALIDATION_FAILED if the cursor was not made here for this list */
  decode(list: string, cursor: string): string
}

/** Decorates `cursors`: the positions of pages in lists, signed so that clients cannot forge them. */
export default fp<CursorsOptions>(
  async (app, { keys }) => {
    const signer = new cookie.Signer(keys)
    app.decorate('cursors', {
      encode: (list, position) =>
        Buffer.from(signer.sign(`${list} ${position}`)).toString('base64url'),
      decode(list, cursor) {
        const { valid, value } = signer.unsign(Buffer.from(cursor, 'base64url').toString())
        if (!valid || !value?.startsWith(`${list} `)) {
          throw new errors.VALIDATION_FAILED().at(
            'querystring.cursor',
            'must be a `nextCursor` of this list',
          )
        }
        return value.slice(list.length + 1)
      },
    })
  },
  { name: 'cursors' },
)
