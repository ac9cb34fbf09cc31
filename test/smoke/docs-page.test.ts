// Uses the page of `GET /docs` in a browser: Chromium of Debian.
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { serve } from '../contract/sdk.ts'
import { needsChromium, openPage } from '../support/browser.ts'
import { createDatabase } from '../support/database/database.ts'

const SCREENSHOT = 'coverage/docs-page.png'

test(
  'the page can register, log in and read /me in Chromium, without an error or a request to another host',
  needsChromium,
  async (t: TestContext) => {
    const { url } = await serve(t, { DATABASE_URL: await createDatabase(), DOCS_ENABLED: true })
    const page = await openPage(t)
    const wrong: string[] = []
    page.on('pageerror', (error) => wrong.push(error.message))
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) wrong.push(message.text())
    })
    page.on('request', (request) => {
      const isOwn = request.url().startsWith(`${url}/`) || request.url().startsWith('data:')
      if (!isOwn) wrong.push(`requested ${request.url()}`)
    })

    const answer = await page.goto(`${url}/docs`)
    t.assert.strictEqual(answer?.status(), 200)
    const policy = answer.headers()['content-security-policy'] ?? ''
    t.assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/)
    t.assert.doesNotMatch(policy, /unsafe|https?:|\*/)

    const username = `u-${randomUUID()}`
    const body = JSON.stringify({ username, password: 'a bench under the lime tree' })
    t.assert.match(await execute(page, 'Accounts-createUser', body), /User created/)
    t.assert.match(await execute(page, 'Sessions-login', body), /Logged in/)
    t.assert.match(await execute(page, 'Accounts-getMe'), new RegExp(`"username": "${username}"`))

    mkdirSync('coverage', { recursive: true })
    await page.locator('#operations-Accounts-getMe').scrollIntoViewIfNeeded()
    await page.screenshot({ path: SCREENSHOT })
    t.diagnostic(`screenshot: ${SCREENSHOT}`)
    t.assert.deepStrictEqual(wrong, [])
  },
)

test('a missing file of the page returns an error in the common shape', async (t: TestContext) => {
  const { url } = await serve(t, { DATABASE_URL: await createDatabase(), DOCS_ENABLED: true })
  for (const path of [
    '/docs/static/nothing.js',
    '/docs/static/',
    '/docs/static/oauth2-redirect.html',
    '/docs/static/../../package.json',
    '/docs/else',
  ]) {
    const answer = await fetch(`${url}${path}`)
    t.assert.strictEqual(answer.status, 404)
    const { code } = (await answer.json()) as { code: string }
    t.assert.strictEqual(code, 'ROUTE_NOT_FOUND')
  }
})

/** Opens an operation, sends it, and returns the body of a 200. */
async function execute(page: Page, operation: string, body?: string): Promise<string> {
  const block = page.locator(`#operations-${operation}`)
  await block.locator('.opblock-summary-control').click()
  if (body !== undefined) await block.locator('textarea.body-param__text').fill(body)
  await block.locator('button.execute').click()
  const live = block.locator('.live-responses-table')
  await live.locator('.response-col_status', { hasText: '200' }).waitFor()
  return (
    (await live.locator('.response-col_description .highlight-code').first().textContent()) ?? ''
  )
}
