// Uses the page of examples/browser to find out when Chromium keeps and sends the session cookie.
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { makeProfile, needsChromium, openBrowser } from '../../support/browser.ts'
import {
  servePage,
  submit,
  untilSignedIn,
  untilSignedOut,
  watchFaults,
} from '../../support/example-page.ts'
import { countRows, makeUser, storedSessions, storedTokens } from '../../support/http/accounts.ts'
import { until } from '../../support/until.ts'

for (const COOKIE_PERSISTENT of [true, false]) {
  test(
    `a session, with COOKIE_PERSISTENT=${COOKIE_PERSISTENT} and a browser that is closed and opened again, is ${COOKIE_PERSISTENT ? 'kept' : 'lost'}`,
    needsChromium,
    async (t: TestContext) => {
      const { app, origin } = await servePage(t, { COOKIE_PERSISTENT, SESSION_LIFETIME: 86_400 })
      const account = await makeUser(app)
      const profile = await makeProfile(t)
      const first = await openBrowser(t, { profile })
      const before = await first.newPage()
      await before.goto(origin)
      await submit(before, 'Log in', account)
      await untilSignedIn(before, account.username)
      const [cookie] = await first.cookies()
      const leftS = (cookie?.expires ?? 0) - Date.now() / 1_000
      if (COOKIE_PERSISTENT) t.assert.ok(leftS > 80_000 && leftS <= 86_401, String(leftS))
      else t.assert.strictEqual(cookie?.expires, -1)
      await first.close()

      const page = await (await openBrowser(t, { profile })).newPage()
      await page.goto(origin)
      if (COOKIE_PERSISTENT) await untilSignedIn(page, account.username)
      else await untilSignedOut(page)
      t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
    },
  )
}

test(
  'a page of an origin that is not allowed can neither log in nor change or read anything with the cookie of a user',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin, api, log } = await servePage(t, { isAllowed: false })
    const account = await makeUser(app)
    const browser = await openBrowser(t)
    const page = await browser.newPage()
    await page.goto(origin)
    const problem = page.getByRole('alert')
    const text = 'The service did not answer, or it does not allow this page.'
    await problem.filter({ hasText: text }).waitFor()
    const { username, password } = account
    const post = (data: object) => ({
      method: 'POST',
      credentials: 'include',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(data),
    })
    const login = post({ username, password })
    t.assert.strictEqual(await statusOf(page, `${api}/login`, login), 'TypeError')
    t.assert.deepStrictEqual(await countRows(app), { users: 1, sessions: 0 })

    // The user is signed in, and visits the page. Its host is that of the server, so the cookie is sent.
    const own = await browser.request.post(`${api}/login`, { data: { username, password } })
    t.assert.strictEqual(own.status(), 200)
    const sent = { credentials: 'include', mode: 'no-cors', method: 'POST' }
    t.assert.strictEqual(await statusOf(page, `${api}/logout`, sent), 'TypeError')
    t.assert.strictEqual(await statusOf(page, `${api}/me`, { credentials: 'include' }), 'TypeError')
    const change = post({ name: 'x' })
    t.assert.strictEqual(await statusOf(page, `${api}/tokens`, change), 'TypeError')
    t.assert.deepStrictEqual(await storedTokens(app, account.id), [])
    const codes = () => log.lines.filter(({ msg }) => msg === 'request').map(({ code }) => code)
    await until(
      () => codes().includes('CROSS_SITE'),
      () => JSON.stringify(codes()),
    )
    t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
    t.assert.strictEqual((await browser.request.get(`${api}/me`)).status(), 200)
  },
)

/** Browsers accept `Secure` cookies of the loopback without TLS. */
const NONE = { apiHost: '127.0.0.1', COOKIE_SECURE: true, COOKIE_SAME_SITE: 'none' } as const
const NOT_KEPT = 'The login succeeded, but the browser did not keep the cookie.'

test(
  'the page on another site, with COOKIE_SAME_SITE=none, logs in, survives a reload and logs out',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin } = await servePage(t, NONE)
    const account = await makeUser(app)
    const browser = await openBrowser(t, { profile: await makeProfile(t, 'allowed') })
    const page = await browser.newPage()
    const faults = watchFaults(page)
    await page.goto(origin)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)
    await page.reload()
    await untilSignedIn(page, account.username)
    const [cookie] = await browser.cookies()
    const { name, httpOnly, secure, sameSite } = cookie ?? {}
    t.assert.deepStrictEqual(
      [name, httpOnly, secure, sameSite],
      ['__Host-session', true, true, 'None'],
    )
    await page.getByRole('button', { name: 'Log out' }).click()
    await untilSignedOut(page, 'You are logged out.')
    t.assert.deepStrictEqual(await browser.cookies(), [])
    t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
    t.assert.deepStrictEqual(faults, [])
  },
)

for (const [circumstance, settings, thirdPartyCookies] of [
  ['COOKIE_SAME_SITE=lax', { apiHost: '127.0.0.1' }, 'allowed'],
  ['COOKIE_SAME_SITE=none and a browser that blocks third-party cookies', NONE, 'blocked'],
] as const) {
  test(
    `the page on another site, with ${circumstance}, logs in and says that the browser keeps no cookie`,
    needsChromium,
    async (t: TestContext) => {
      const { app, origin } = await servePage(t, settings)
      const account = await makeUser(app)
      const browser = await openBrowser(t, { profile: await makeProfile(t, thirdPartyCookies) })
      const page = await browser.newPage()
      await page.goto(origin)
      await submit(page, 'Log in', account)
      await untilSignedOut(page, NOT_KEPT)
      t.assert.deepStrictEqual(await browser.cookies(), [])
      t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
    },
  )
}

/** Sends a request from a page. @returns the status, which is 0 if it may not be read, or the name of the error */
function statusOf(page: Page, url: string, init: object): Promise<number | string> {
  const script = `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(({ status }) => status, ({ name }) => name)`
  return page.evaluate(script)
}
