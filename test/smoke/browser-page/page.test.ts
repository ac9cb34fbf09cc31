// Uses the page of examples/browser, on the same site as the server and another origin.
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions } from '../../../db/schema.ts'
import { needsChromium, openBrowser, openPage } from '../../support/browser.ts'
import {
  servePage,
  submit,
  untilSignedIn,
  untilSignedOut,
  watchFaults,
} from '../../support/example-page.ts'
import {
  countRows,
  makeUser,
  signIn,
  storedSessions,
  storedUser,
} from '../../support/http/accounts.ts'
import { until } from '../../support/until.ts'

test(
  'the page, from another origin of the site, registers, logs in, survives a reload and logs out in every tab',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin } = await servePage(t)
    const browser = await openBrowser(t)
    const page = await browser.newPage()
    const faults = watchFaults(page)
    const account = { username: `u-${randomUUID()}`, password: 'a bench under the lime tree' }
    await page.goto(origin)
    await untilSignedOut(page)
    await submit(page, 'Register', account)
    await untilSignedIn(page, account.username)
    await page.reload()
    await untilSignedIn(page, account.username)
    await page.locator('#sessions li', { hasText: 'This one' }).waitFor()
    t.assert.strictEqual(await page.locator('#sessions li').count(), 1)

    const [cookie, ...others] = await browser.cookies()
    t.assert.deepStrictEqual(others, [])
    const { name, httpOnly, sameSite, expires } = cookie ?? {}
    t.assert.deepStrictEqual([name, httpOnly, sameSite, expires], ['session', true, 'Lax', -1])
    // A host's cookies are for all its ports, so the page would see one that is not HttpOnly.
    t.assert.strictEqual(await page.evaluate('document.cookie'), '')
    t.assert.strictEqual(await page.evaluate('localStorage.length + sessionStorage.length'), 0)

    const tab = await browser.newPage()
    await tab.goto(origin)
    await untilSignedIn(tab, account.username)
    await page.getByRole('button', { name: 'Log out' }).click()
    await untilSignedOut(page, 'You are logged out.')
    await untilSignedOut(tab)
    t.assert.deepStrictEqual(await browser.cookies(), [])
    t.assert.strictEqual((await countRows(app)).sessions, 0)
    t.assert.deepStrictEqual(faults, [])
  },
)

test(
  'the page, restored by the back button as it was, shows who is signed in now',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin, api } = await servePage(t)
    const account = await makeUser(app)
    const page = await openPage(t)
    await page.goto(origin)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)
    await page.evaluate('window.isRestored = true')
    await page.goto(`${api}/livez`)
    await app.db.delete(sessions).where(eq(sessions.userId, account.id))
    await page.goBack({ waitUntil: 'commit' }) // a restored page does not load
    await untilSignedOut(page)
    t.assert.strictEqual(await page.evaluate('window.isRestored'), true)
    t.assert.strictEqual(await page.getByText(account.username).count(), 0)
  },
)

test(
  'the page shows "not permitted" to an account that stays signed in, and the login to one whose session has ended',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin } = await servePage(t)
    const account = await makeUser(app)
    const page = await openPage(t)
    const faults = watchFaults(page)
    await page.goto(origin)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)

    const problem = page.getByRole('alert')
    await page.getByRole('button', { name: 'List accounts' }).click()
    await problem.filter({ hasText: 'Your account is not permitted to do this.' }).waitFor()
    await untilSignedIn(page, account.username)

    await app.db.delete(sessions).where(eq(sessions.userId, account.id))
    await page.getByRole('button', { name: 'List accounts' }).click()
    await untilSignedOut(page, 'Your session has ended. Log in again.')
    t.assert.strictEqual(await problem.textContent(), '')
    t.assert.deepStrictEqual(faults, [])
  },
)

test(
  'the page changes the password, shows errors beside their fields, and ends other sessions',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin } = await servePage(t)
    const account = await makeUser(app)
    const page = await openPage(t)
    const faults = watchFaults(page)
    await page.goto(origin)
    await submit(page, 'Log in', { ...account, password: 'not the password' })
    await page
      .getByRole('alert')
      .filter({ hasText: 'The username or the password is wrong.' })
      .waitFor()
    await submit(page, 'Register', account)
    await page.locator('#username-error', { hasText: 'is taken' }).waitFor()
    t.assert.strictEqual(
      await page.getByLabel('Username').getAttribute('aria-describedby'),
      'username-error',
    )
    await signIn(app, account)
    await signIn(app, account)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)

    const ends = page.getByRole('button', { name: /^End the session of/ })
    await until(
      async () => (await ends.count()) === 2,
      () => 'two other sessions are listed',
    )
    await ends.first().click()
    await page.getByRole('status').filter({ hasText: 'The session has ended.' }).waitFor()
    t.assert.strictEqual((await storedSessions(app, account.id)).length, 2)

    const change = async (currentPassword: string, password: string) => {
      await page.getByLabel('Current password').fill(currentPassword)
      await page.getByLabel('New password').fill(password)
      await page.getByRole('button', { name: 'Change the password' }).click()
    }
    await change('not the password', 'a lamp in the far window')
    await page.locator('#currentPassword-error', { hasText: 'is wrong' }).waitFor()
    await change(account.password, 'short')
    await page.locator('#newPassword-error', { hasText: 'shorter than 8' }).waitFor()
    t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)

    await change(account.password, 'a lamp in the far window')
    await page.getByRole('status').filter({ hasText: 'The password is changed.' }).waitFor()
    t.assert.notStrictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
    t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
    t.assert.deepStrictEqual(faults, [])
  },
)

test(
  'the page changes no account that has changed since it read it',
  needsChromium,
  async (t: TestContext) => {
    const { app, origin } = await servePage(t)
    const account = await makeUser(app)
    const page = await openPage(t)
    await page.goto(origin)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)
    const admin = await signIn(app, await makeUser(app, 'admin'))
    const promoted = await app.inject({
      method: 'PATCH',
      url: `/user/${account.id}`,
      headers: { cookie: admin },
      payload: { role: 'admin' },
    })
    t.assert.strictEqual(promoted.statusCode, 200)

    await page.getByLabel('Current password').fill(account.password)
    await page.getByLabel('New password').fill('a lamp in the far window')
    await page.getByRole('button', { name: 'Change the password' }).click()
    await page.getByRole('alert').filter({ hasText: 'The account has changed' }).waitFor()
    await page.locator('#role', { hasText: 'admin' }).waitFor()
    t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
  },
)

test(
  'the page repeats a read after retry-after, and leaves a change to the user',
  needsChromium,
  async (t: TestContext) => {
    const { app, log, origin, api } = await servePage(t, {
      RATE_LIMIT_ENABLED: true,
      RATE_LIMIT_MAX: 50,
      RATE_LIMIT_WINDOW: 5,
    })
    const account = await makeUser(app)
    const page = await openPage(t)
    await page.goto(origin)
    await untilSignedOut(page)
    const answersTo = (method: string, route: string) =>
      log.lines
        .filter((line) => line.msg === 'request' && line.method === method && line.route === route)
        .map(({ status }) => status)
    const problem = page.getByRole('alert')
    /** Acts when the address has sent too many requests. On a busy machine, the next window begins before. */
    const actLimited = async (method: string, route: string, act: () => Promise<void>) => {
      for (;;) {
        while ((await fetch(`${api}/me`)).status !== 429);
        const before = answersTo(method, route).length
        await act()
        await problem.filter({ hasText: /./ }).waitFor()
        const answers = answersTo(method, route).slice(before)
        if (answers.includes(429)) return answers
      }
    }

    const wrong = { ...account, password: 'not the password' }
    const logIn = () => submit(page, 'Log in', wrong)
    t.assert.deepStrictEqual(await actLimited('POST', '/login', logIn), [429])
    t.assert.match((await problem.textContent()) ?? '', /Try again in [1-5] s\.$/)

    await page.reload() // waits for the next window, because the page repeats its first read
    await untilSignedOut(page)
    await submit(page, 'Log in', account)
    await untilSignedIn(page, account.username)
    const list = () => page.getByRole('button', { name: 'List accounts' }).click()
    t.assert.deepStrictEqual(await actLimited('GET', '/users', list), [429, 401])
    t.assert.match((await problem.textContent()) ?? '', /not permitted/)
  },
)
