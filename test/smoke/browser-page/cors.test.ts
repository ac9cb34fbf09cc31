// What docs/browsers.md says about requests from another origin, in Chromium.
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { needsChromium, openBrowser, openPage } from '../../support/browser.ts'
import { servePage, submit, untilSignedIn } from '../../support/example-page.ts'
import { countRows, makeUser } from '../../support/http/accounts.ts'

interface Response {
  status: number
  headers: Record<string, string>
  error?: string
}

test(
  'a page of another origin can send any header, and reads those that the server exposes',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin, api } = await servePage(t, { RATE_LIMIT_ENABLED: true })
    const account = await makeUser(app)
    const page = await openPage(t)
    await page.goto(origin)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)
    const headers = {
      accept: 'application/problem+json',
      'if-match': 'W/"1"',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-request-id': 'from-the-page',
    }
    const me = await send(page, `${api}/me`, { credentials: 'include', headers })
    t.assert.strictEqual(me.status, 200)
    t.assert.strictEqual(me.headers['x-request-id'], 'from-the-page')
    t.assert.deepStrictEqual(Object.keys(me.headers).sort(), [
      ...['cache-control', 'content-length', 'content-type', 'etag'],
      ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'x-request-id'],
    ])
    const conditional = { credentials: 'include', headers: { 'if-none-match': me.headers.etag } }
    t.assert.strictEqual((await send(page, `${api}/me`, conditional)).status, 304)

    const { username, password } = account
    const login = await send(page, `${api}/login`, {
      method: 'POST',
      credentials: 'include',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    })
    t.assert.strictEqual(login.status, 200)
    t.assert.ok(!('set-cookie' in login.headers))
    const long = { headers: { 'x-long': 'x'.repeat(17_000) } }
    t.assert.strictEqual((await send(page, `${api}/me`, long)).error, 'TypeError')
  },
)

test(
  'a login of a page without credentials opens a session whose cookie the browser does not keep',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin, api } = await servePage(t)
    const { username, password } = await makeUser(app)
    const browser = await openBrowser(t)
    const page = await browser.newPage()
    await page.goto(origin)
    const login = await send(page, `${api}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    })
    t.assert.strictEqual(login.status, 200)
    t.assert.deepStrictEqual(await browser.cookies(), [])
    t.assert.strictEqual((await countRows(app)).sessions, 1)
  },
)

/** Sends a request from a page. @returns what its script can read of the response */
function send(page: Page, url: string, init: object): Promise<Response> {
  const script = `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(
    ({ status, headers }) => ({ status, headers: Object.fromEntries(headers) }),
    ({ name }) => ({ status: 0, headers: {}, error: name }),
  )`
  return page.evaluate(script)
}
