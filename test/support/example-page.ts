import { resolve } from 'node:path'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { serve } from '../contract/sdk.ts'
import { createDatabase } from './database/database.ts'
import type { BuildOptions } from './http/build.ts'
import { freePort } from './process/free-port.ts'
import { install, listenTo } from './process/installation.ts'

const SCRIPT = resolve('examples/browser/serve.mjs')

export interface SiteOptions extends Partial<BuildOptions> {
  /** The host of Gatehouse: `127.0.0.1` is another site than the page, which is on `localhost`. */
  apiHost?: 'localhost' | '127.0.0.1'
  /** Whether the page's origin is in ALLOWED_ORIGINS. */
  isAllowed?: boolean
}

/** Runs a server, and the page of examples/browser on an origin of its own. */
export async function servePage(
  t: TestContext,
  { apiHost = 'localhost', isAllowed = true, ...options }: SiteOptions = {},
) {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const served = await serve(t, {
    DATABASE_URL: await createDatabase(),
    ALLOWED_ORIGINS: isAllowed ? origin : 'http://another.example',
    ...options,
  })
  const api = `http://${apiHost}:${new URL(served.url).port}`
  const site = await install(t)
  const child = site.startProgram(process.execPath, [SCRIPT, String(port), api])
  await listenTo(child).until(/The page for/)
  return { ...served, origin, api }
}

/** Collects what a page must not cause: errors of its scripts, and violations of its policy. */
export function watchFaults(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', ({ message }) => faults.push(message))
  page.on('console', (message) => {
    // Chromium logs every response of 400 and above.
    const isFault = message.type() === 'error' && !/^Failed to load resource/.test(message.text())
    if (isFault) faults.push(message.text())
  })
  return faults
}

/** Fills in the form of a login or a registration, and sends it. */
export async function submit(
  page: Page,
  button: 'Log in' | 'Register',
  { username, password }: { username: string; password: string },
): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: button }).click()
}

/** Waits until the page shows who is signed in. */
export async function untilSignedIn(page: Page, username: string): Promise<void> {
  await page.locator('#name', { hasText: username }).waitFor()
}

/** Waits until the page shows the form to log in, with this status. */
export async function untilSignedOut(page: Page, status = ''): Promise<void> {
  await page.locator('#signed-out').waitFor()
  await page
    .locator('#status')
    .filter({ hasText: new RegExp(`^${status}$`) })
    .waitFor({ state: 'attached' })
}
