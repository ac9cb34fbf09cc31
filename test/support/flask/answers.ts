import type { ServerResponse } from 'node:http'

/** The texts are in the language of the known services. */
export const MESSAGES = {
  loggedIn: 'Login efetuado',
  loggedOut: 'Logout efetuado',
  created: 'Cadastrado',
  changed: 'Atualizado',
  deleted: 'Excluido',
  wrong: 'Credenciais incorretas',
  missing: 'Dados ausentes',
  forbidden: 'Nao permitido',
  unknown: 'Sem usuario',
} as const

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
}

/** A response that the service makes by leaving its handler: Flask's own page. */
export class Page extends Error {
  readonly status: number
  readonly headers: Record<string, string>

  constructor(status: number, headers: Record<string, string> = {}) {
    super(TITLES[status])
    this.status = status
    this.headers = headers
  }
}

export function sendMessage(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { message })
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', vary: 'Cookie' })
  response.end(`${JSON.stringify(body)}\n`)
}

/** Werkzeug sends its errors as pages. */
export function sendPage(response: ServerResponse, { status, message, headers }: Page): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    vary: 'Cookie',
    ...headers,
  })
  response.end(
    `<!doctype html>\n<html lang=en>\n<title>${status} ${message}</title>\n<h1>${message}</h1>\n`,
  )
}
