import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { hash, verify } from '@node-rs/bcrypt'
import type { FlaskAccount, FlaskAccounts } from './accounts.ts'
import { MESSAGES, Page, sendJson, sendMessage, sendPage } from './answers.ts'
import { readFlaskCookie, writeFlaskCookie } from './cookie.ts'

/** Low: the tests spend their time elsewhere. */
const COST = 4
/** bcrypt 5 for Python refuses longer passwords, which the service answers with a 500. */
const MAX_PASSWORD_BYTES = 72
const MAX_COLUMN_LENGTH = 80
const EXPIRED = 'session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/'

export interface FlaskServiceOptions {
  accounts: FlaskAccounts
  /** Flask's `SECRET_KEY`. */
  secret: string
  /** Flask-Login's `login_view` is set: a request without a session is redirected. */
  hasLoginView?: boolean
}

/** A request with what the service's handlers need. */
interface Call {
  request: IncomingMessage
  response: ServerResponse
  /** The account of the session; handlers of public routes do not read it. */
  caller: FlaskAccount
  /** The number in the path. */
  id: number
}

type Handle = (service: FlaskServiceOptions, call: Call) => Promise<void>

interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: RegExp
  isPublic?: boolean
  handle: Handle
}

const ROUTES: Route[] = [
  { method: 'POST', path: /^\/login$/, isPublic: true, handle: logIn },
  { method: 'GET', path: /^\/logout$/, handle: logOut },
  { method: 'POST', path: /^\/user$/, isPublic: true, handle: register },
  { method: 'GET', path: /^\/user\/(\d+)$/, handle: read },
  { method: 'PUT', path: /^\/user\/update-password\/(\d+)$/, handle: changePassword },
  { method: 'DELETE', path: /^\/user\/(\d+)$/, handle: remove },
]

/**
 * A stand-in for the Flask service: the responses, the table and the cookies of a small program on Flask 3.1,
 * Flask-Login 0.6.3 and bcrypt 5, as recorded from one. Its faults are part of it: it stores a changed
 * password as it is, and returns a 500 where such a program does.
 */
export function createFlaskService(service: FlaskServiceOptions) {
  return createServer((request, response) => {
    dispatch(service, request, response).catch((error) => {
      sendPage(response, error instanceof Page ? error : new Page(500))
    })
  })
}

async function dispatch(
  service: FlaskServiceOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?')
  const matching = ROUTES.filter((route) => route.path.test(path))
  if (matching.length === 0) throw new Page(404)
  const method = request.method === 'HEAD' ? 'GET' : request.method // Flask serves HEAD by GET
  const route = matching.find((candidate) => candidate.method === method)
  if (!route) throw new Page(405, { allow: allowed(matching) })
  const caller = await findCaller(service, request)
  if (!caller && !route.isPublic) throw unauthorized(service, path)
  const id = Number(route.path.exec(path)?.[1])
  const nobody = { id: 0, username: '', password: '', role: '' }
  await route.handle(service, { request, response, caller: caller ?? nobody, id })
}

async function logIn(service: FlaskServiceOptions, { request, response }: Call): Promise<void> {
  const { username, password } = await readBody(request)
  if (isText(username) && isText(password)) {
    const account = await service.accounts.byName(username)
    if (account && (await isPasswordOf(account, password))) {
      const agent = `${request.headers['x-forwarded-for']}|${request.headers['user-agent']}`
      const _id = createHash('sha512').update(agent).digest('hex')
      const session = { _fresh: true, _id, _user_id: String(account.id) }
      const cookie = writeFlaskCookie(session, service.secret)
      response.setHeader('set-cookie', `session=${cookie}; HttpOnly; Path=/`)
      return sendMessage(response, 200, MESSAGES.loggedIn)
    }
  }
  sendMessage(response, 400, MESSAGES.wrong)
}

/** The session ends in the client alone: a copy of the cookie stays valid. */
async function logOut(_service: FlaskServiceOptions, { response }: Call): Promise<void> {
  response.setHeader('set-cookie', EXPIRED)
  sendMessage(response, 200, MESSAGES.loggedOut)
}

async function register({ accounts }: FlaskServiceOptions, { request, response }: Call) {
  const { username, password } = await readBody(request)
  if (!isText(username) || !isText(password)) return sendMessage(response, 400, MESSAGES.missing)
  await accounts.insert(username, await hash(short(password), { cost: COST }))
  sendMessage(response, 200, MESSAGES.created)
}

async function read({ accounts }: FlaskServiceOptions, { response, id }: Call): Promise<void> {
  const account = await accounts.byId(id)
  if (!account) return sendMessage(response, 404, MESSAGES.unknown)
  sendJson(response, 200, { username: account.username })
}

async function changePassword({ accounts }: FlaskServiceOptions, call: Call): Promise<void> {
  const { request, response, caller, id } = call
  const { password } = await readBody(request)
  if (id !== caller.id && caller.role === 'user') {
    return sendMessage(response, 403, MESSAGES.forbidden)
  }
  const account = await accounts.byId(id)
  if (!account || !isText(password)) return sendMessage(response, 404, MESSAGES.unknown)
  if (password.length > MAX_COLUMN_LENGTH) throw new Page(500)
  await accounts.setPassword(id, password)
  sendMessage(response, 200, MESSAGES.changed)
}

async function remove({ accounts }: FlaskServiceOptions, { response, caller, id }: Call) {
  if (caller.role !== 'admin' || id === caller.id) {
    return sendMessage(response, 403, MESSAGES.forbidden)
  }
  if (!(await accounts.byId(id))) return sendMessage(response, 404, MESSAGES.unknown)
  await accounts.remove(id)
  sendMessage(response, 200, MESSAGES.deleted)
}

async function findCaller({ accounts, secret }: FlaskServiceOptions, request: IncomingMessage) {
  const sent = /(?:^|;)\s*session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]
  const session = sent === undefined ? undefined : readFlaskCookie(sent, secret)
  return session && (await accounts.byId(Number(session._user_id)))
}

function unauthorized({ hasLoginView }: FlaskServiceOptions, path: string): Page {
  return hasLoginView
    ? new Page(302, { location: `/login?next=${encodeURIComponent(path)}` })
    : new Page(401)
}

function allowed(routes: Route[]): string {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['HEAD', 'GET'] : [method]))
  return [...methods, 'OPTIONS'].join(', ')
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = await text(request)
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new Page(415)
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw new Page(400)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Page(500)
  return { ...parsed }
}

/** An empty text counts as missing. */
function isText(value: unknown): value is string {
  if (typeof value === 'number') throw new Page(500)
  return typeof value === 'string' && value !== ''
}

/** A password that was changed is stored as it is: bcrypt raises "Invalid salt". */
function isPasswordOf(account: FlaskAccount, password: string): Promise<boolean> {
  if (!account.password.startsWith('$2')) throw new Page(500)
  return verify(short(password), account.password)
}

function short(password: string): string {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw new Page(500)
  return password
}
