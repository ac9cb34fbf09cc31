import type { ErrorCode } from '../../../plugins/errors/errors.ts'

export type Outcome = 'ok' | ErrorCode

export const STATUS = {
  ok: 200,
  UNAUTHENTICATED: 401,
  SESSION_REQUIRED: 401,
  NOT_PERMITTED: 401,
  SESSION_NOT_FOUND: 404,
  TOKEN_NOT_FOUND: 404,
  OWN_ACCOUNT: 409,
  INVALID_CREDENTIALS: 400,
}

export const ACTORS = [
  'nobody',
  'a user on their own account',
  'a user on another account',
  'an admin on their own account',
  'an admin on another account',
  'a token of a user on its own account',
  'a token of a user on another account',
  'a token of an admin on its own account',
  'a token of an admin on another account',
  'a disabled user on their own account',
  'an ended session on its own account',
  'an ended token on its own account',
  'a forged cookie on its own account',
] as const
export type Actor = (typeof ACTORS)[number]
export type Row = Record<Actor, Outcome>

const ANYONE = row('ok', 'ok', 'ok', 'ok', 'ok')
const SIGNED_IN = row('UNAUTHENTICATED', 'ok', 'ok', 'ok', 'ok')
export const ADMIN = row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'ok', 'ok')
/** Somebody else's looks as if there were none, to admins too. */
const OWN_SESSION = ownOnly('SESSION_NOT_FOUND')
const OWN_TOKEN = ownOnly('TOKEN_NOT_FOUND')

/** What each route answers to whom. A route that has no row fails, and a row without a route. */
export const MATRIX: Record<string, Row> = {
  'GET /': ANYONE,
  'HEAD /': ANYONE,
  'GET /livez': ANYONE,
  'HEAD /livez': ANYONE,
  'GET /openapi.json': ANYONE,
  'HEAD /openapi.json': ANYONE,
  'GET /openapi-3.0.json': ANYONE,
  'HEAD /openapi-3.0.json': ANYONE,
  'GET /readyz': ANYONE,
  'HEAD /readyz': ANYONE,
  'POST /login': { ...ANYONE, 'a disabled user on their own account': 'INVALID_CREDENTIALS' },
  'POST /user': ANYONE,
  'GET /logout': SIGNED_IN,
  'POST /logout': SIGNED_IN,
  'GET /me': SIGNED_IN,
  'HEAD /me': SIGNED_IN,
  'GET /user/:id': SIGNED_IN,
  'HEAD /user/:id': SIGNED_IN,
  'GET /sessions': SIGNED_IN,
  'HEAD /sessions': SIGNED_IN,
  'DELETE /sessions': SIGNED_IN,
  'DELETE /sessions/:id': OWN_SESSION,
  'POST /tokens': bySession(SIGNED_IN),
  'GET /tokens': bySession(SIGNED_IN),
  'HEAD /tokens': bySession(SIGNED_IN),
  'DELETE /tokens/:id': bySession(OWN_TOKEN),
  'PUT /user/update-password/:id': bySession(
    row('UNAUTHENTICATED', 'ok', 'NOT_PERMITTED', 'ok', 'ok'),
  ),
  'GET /users': ADMIN,
  'HEAD /users': ADMIN,
  'PATCH /user/:id': row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'OWN_ACCOUNT', 'ok'),
  'DELETE /user/:id': row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'OWN_ACCOUNT', 'ok'),
  'GET /user/:id/sessions': ADMIN,
  'GET /users/:id/sessions': ADMIN,
  'HEAD /user/:id/sessions': ADMIN,
  'HEAD /users/:id/sessions': ADMIN,
  'DELETE /user/:id/sessions': ADMIN,
  'DELETE /users/:id/sessions': ADMIN,
  'GET /events': ADMIN,
  'HEAD /events': ADMIN,
}

/** The routes that change or remove the account that they name. */
export const CHANGES = new Set([
  'PUT /user/update-password/:id',
  'PATCH /user/:id',
  'DELETE /user/:id',
])

/** Whoever has no live session or token is nobody. A token is as good as a session. */
function row(
  nobody: Outcome,
  userOwn: Outcome,
  userOther: Outcome,
  adminOwn: Outcome,
  adminOther: Outcome,
): Row {
  return {
    nobody,
    'a user on their own account': userOwn,
    'a user on another account': userOther,
    'an admin on their own account': adminOwn,
    'an admin on another account': adminOther,
    'a token of a user on its own account': userOwn,
    'a token of a user on another account': userOther,
    'a token of an admin on its own account': adminOwn,
    'a token of an admin on another account': adminOther,
    'a disabled user on their own account': nobody,
    'an ended session on its own account': nobody,
    'an ended token on its own account': nobody,
    'a forged cookie on its own account': nobody,
  }
}

function ownOnly(notFound: Outcome): Row {
  return row('UNAUTHENTICATED', 'ok', notFound, 'ok', notFound)
}

/** The same, but not by a token, whatever it asks for. */
function bySession(byEither: Row): Row {
  return {
    ...byEither,
    'a token of a user on its own account': 'SESSION_REQUIRED',
    'a token of a user on another account': 'SESSION_REQUIRED',
    'a token of an admin on its own account': 'SESSION_REQUIRED',
    'a token of an admin on another account': 'SESSION_REQUIRED',
  }
}
