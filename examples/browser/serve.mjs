// Serves the files of this folder on an origin of their own: node serve.mjs [port] [origin of Gatehouse]
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname } from 'node:path'

const [port = '8080', api = 'http://localhost:3000'] = process.argv.slice(2)
if (!URL.canParse(api) || new URL(api).origin !== api) throw new Error(`${api} is not an origin`)

const FILES = ['index.html', 'page.css', 'page.js', 'forms.js', 'gatehouse.js']
/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript' }
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'; script-src 'self'; style-src 'self'",
    `connect-src ${api}`,
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

createServer(({ method, url }, response) => {
  const name = url === '/' ? 'index.html' : (url ?? '').slice(1)
  if (method !== 'GET' || !FILES.includes(name)) {
    response.writeHead(404, HEADERS).end()
    return
  }
  const text = readFileSync(new URL(name, import.meta.url), 'utf8')
  const content = text.replace(/(<meta name="gatehouse" content=")[^"]*/, `$1${api}`)
  const type = `${TYPES[extname(name)]}; charset=utf-8`
  response.writeHead(200, { ...HEADERS, 'content-type': type }).end(content)
}).listen(Number(port), '127.0.0.1', () => {
  console.log(`The page for ${api} is at http://localhost:${port}`)
})
