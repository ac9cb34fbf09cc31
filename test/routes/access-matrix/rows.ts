import { METHODS } from 'node:http'
import type { ErrorCode } from '../../../plugins/errors/errors.ts'

export type Outcome = 'ok' | ErrorCode

export const STATUS = {
  ok: 200,
  UNAUTHENTICATED: 401,
  SESSION_REQUIRED: 401,
  NOT_PERMITTED: 401,
  SCOPE_MISSING: 403,
  SESSION_NOT_FOUND: 404,
  TOKEN_NOT_FOUND: 404,
  OWN_ACCOUNT: 409,
  NOT_A_SERVICE: 409,
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
  'a token of an admin with a scope of another service',
  'a disabled user on their own account',
  'an ended session on its own account',
  'an ended token on its own account',
  'a forged cookie on its own account',
] as const
export type Actor = (typeof ACTORS)[number]
export type Row = Record<Actor, Outcome>

const ANYONE = row('ok', 'ok', 'ok', 'ok', 'ok')
const SIGNED_IN = row('UNAUTHENTICATED', 'ok', 'ok', 'ok', 'ok')
/** Limited tokens may do the same. */
const WITHOUT_SCOPE = {
  ...SIGNED_IN,
  'a token of an admin with a scope of another service': 'ok',
} as const
export const ADMIN = row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'ok', 'ok')
/** Those of others look as if they did not exist, to admins too. */
const OWN_SESSION = ownOnly('SESSION_NOT_FOUND')
const OWN_TOKEN = ownOnly('TOKEN_NOT_FOUND')

/** Every method of `/verify` is a route. HEAD is checked with GET. */
const VERIFYING = METHODS.filter((name) => !['CONNECT', 'HEAD'].includes(name))

/** Only for tokens that name the scope `introspect`: see introspect/access.test.ts. */
const INTROSPECTION: Row = {
  ...row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'NOT_PERMITTED'),
  'a token of a user on its own account': 'SCOPE_MISSING',
  'a token of a user on another account': 'SCOPE_MISSING',
  'a token of an admin on its own account': 'SCOPE_MISSING',
  'a token of an admin on another account': 'SCOPE_MISSING',
}

/** What each route returns to each actor. A route without a row fails the test, as does a row without a route. */
export const MATRIX: Record<string, Row> = {
  'GET /': ANYONE,
  'GET /livez': ANYONE,
  'GET /openapi.json': ANYONE,
  'GET /openapi-3.0.json': ANYONE,
  'GET /readyz': ANYONE,
  'POST /login': { ...ANYONE, 'a disabled user on their own account': 'INVALID_CREDENTIALS' },
  'POST /user': ANYONE,
  'GET /logout': WITHOUT_SCOPE,
  'POST /logout': WITHOUT_SCOPE,
  'GET /me': WITHOUT_SCOPE,
  'GET /user/:id': SIGNED_IN,
  'GET /sessions': SIGNED_IN,
  'DELETE /sessions': SIGNED_IN,
  'DELETE /sessions/:id': OWN_SESSION,
  'POST /tokens': bySession(SIGNED_IN),
  'GET /tokens': bySession(SIGNED_IN),
  'DELETE /tokens/:id': bySession(OWN_TOKEN),
  'PUT /user/update-password/:id': bySession(
    row('UNAUTHENTICATED', 'ok', 'NOT_PERMITTED', 'ok', 'ok'),
  ),
  'GET /users': ADMIN,
  'POST /users': ADMIN,
  'GET /users/:id/tokens': ADMIN,
  'POST /users/:id/tokens': {
    ...row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'NOT_A_SERVICE', 'NOT_A_SERVICE'),
    'a token of an admin on its own account': 'SESSION_REQUIRED',
    'a token of an admin on another account': 'SESSION_REQUIRED',
    'a token of an admin with a scope of another service': 'SESSION_REQUIRED',
  },
  'DELETE /users/:id/tokens/:tokenId': ADMIN,
  'POST /introspect': INTROSPECTION,
  'POST /introspect/batch': INTROSPECTION,
  'PATCH /user/:id': row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'OWN_ACCOUNT', 'ok'),
  'DELETE /user/:id': row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'OWN_ACCOUNT', 'ok'),
  'GET /user/:id/sessions': ADMIN,
  'GET /users/:id/sessions': ADMIN,
  'DELETE /user/:id/sessions': ADMIN,
  'DELETE /users/:id/sessions': ADMIN,
  'GET /events': ADMIN,
  ...Object.fromEntries(VERIFYING.map((method) => [`${method} /verify`, WITHOUT_SCOPE])),
}

/** The routes that change or delete the account in their path. */
export const CHANGES = new Set([
  'PUT /user/update-password/:id',
  'PATCH /user/:id',
  'DELETE /user/:id',
])

/** An actor without a valid session or token is treated as nobody, and a token like a session. */
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
    'a token of an admin with a scope of another service': nobody === 'ok' ? 'ok' : 'SCOPE_MISSING',
    'a disabled user on their own account': nobody,
    'an ended session on its own account': nobody,
    'an ended token on its own account': nobody,
    'a forged cookie on its own account': nobody,
  }
}

function ownOnly(notFound: Outcome): Row {
  return row('UNAUTHENTICATED', 'ok', notFound, 'ok', notFound)
}

/** The same row, with every token refused. */
function bySession(byEither: Row): Row {
  return {
    ...byEither,
    'a token of a user on its own account': 'SESSION_REQUIRED',
    'a token of a user on another account': 'SESSION_REQUIRED',
    'a token of an admin on its own account': 'SESSION_REQUIRED',
    'a token of an admin on another account': 'SESSION_REQUIRED',
    'a token of an admin with a scope of another service': 'SESSION_REQUIRED',
  }
}
