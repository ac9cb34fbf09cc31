import { Type } from '@sinclair/typebox'

/** The settings of the session cookie and of pages that send it, a part of `Environment`. */
export const browserSettings = {
  COOKIE_SECURE: Type.Optional(
    Type.Boolean({
      title: '`true` or `false`; the default is `true` in production and `false` otherwise',
      description:
        'Clients connect over TLS only: sets the `Secure` attribute, the `__Host-` name and HSTS',
    }),
  ),
  COOKIE_SAME_SITE: Type.Unsafe<'lax' | 'none'>({
    type: 'string',
    enum: ['lax', 'none'],
    default: 'lax',
    title: '`lax` or `none`; `none` requires `COOKIE_SECURE`',
    description:
      '`SameSite` attribute of the session cookie: `none` is for `ALLOWED_ORIGINS` on another site',
  }),
  COOKIE_PERSISTENT: Type.Boolean({
    default: false,
    title: '`true` or `false`',
    description:
      'The session cookie outlives the browser: its `Max-Age` is `SESSION_LIFETIME`. `SESSION_IDLE` still ends sessions',
  }),
  ALLOWED_ORIGINS: Type.Optional(
    Type.String({
      format: 'origin-list',
      title: 'origins such as `https://app.example`, separated by commas',
      description: 'Other origins whose pages can send requests with the session cookie',
    }),
  ),
}
