import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type BrowserContext, chromium } from 'playwright-core'
import { findProgram } from '../../../scripts/server-binary.mjs'
import { makeFolder } from '../process/folder.ts'

const TIMEOUT_MS = 60_000
const executablePath = findProgram('chromium')

/** For the options of tests that use Chromium of Debian. */
export const needsChromium = { timeout: TIMEOUT_MS, skip: executablePath ? false : 'no Chromium' }

/**
 * Opens a browser, which closes after the test.
 *
 * @param folder of its profile, which keeps its cookies; the default is a new one
 */
export async function openBrowser(t: TestContext, folder?: string): Promise<BrowserContext> {
  const browser = await chromium.launchPersistentContext(folder ?? (await makeFolder(t)), {
    ...(executablePath && { executablePath }),
    viewport: { width: 1280, height: 900 },
    chromiumSandbox: process.getuid?.() !== 0, // root has no sandbox
    ignoreDefaultArgs: ['--disable-back-forward-cache'], // users have it
    args: [
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--disable-quic', '--disable-gpu', '--no-first-run'],
    ],
  })
  t.after(() => browser.close())
  return browser
}

/** @returns the folder of a new profile, whose setting for third-party cookies is not the distribution's */
export async function makeProfile(t: TestContext, thirdPartyCookies: 'allowed' | 'blocked') {
  const folder = await makeFolder(t)
  const isBlocked = thirdPartyCookies === 'blocked'
  const profile = { block_third_party_cookies: isBlocked, cookie_controls_mode: isBlocked ? 1 : 0 }
  await mkdir(join(folder, 'Default'))
  await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify({ profile }))
  return folder
}
