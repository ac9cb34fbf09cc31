import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { findProgram } from '../../scripts/server-binary.mjs'
import { makeFolder } from './process/folder.ts'

const executablePath = findProgram('chromium')

/** For the options of tests that need a browser. */
export const needsChromium = { timeout: 60_000, skip: executablePath ? false : 'no Chromium' }

interface BrowserOptions {
  viewport?: { width: number; height: number }
  /** The default is a new one. */
  profile?: Profile
}

type Profile = Awaited<ReturnType<typeof makeProfile>>

/**
 * Makes a profile, which keeps cookies. It is deleted after the test.
 *
 * @param thirdPartyCookies the default is the one of the distribution
 */
export async function makeProfile(t: TestContext, thirdPartyCookies?: 'allowed' | 'blocked') {
  const opened: BrowserContext[] = []
  // Registered before the deletion of the folder: a browser writes to it until it is closed.
  t.after(async () => {
    for (const browser of opened) await browser.close()
  })
  const folder = await makeFolder(t)
  if (thirdPartyCookies) {
    const isBlocked = thirdPartyCookies === 'blocked'
    const cookies = {
      block_third_party_cookies: isBlocked,
      cookie_controls_mode: isBlocked ? 1 : 0,
    }
    await mkdir(join(folder, 'Default'))
    await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify({ profile: cookies }))
  }
  return { folder, opened }
}

/** Opens Chromium, which is closed after the test. */
export async function openBrowser(
  t: TestContext,
  { viewport = { width: 1280, height: 900 }, profile }: BrowserOptions = {},
): Promise<BrowserContext> {
  const { folder, opened } = profile ?? (await makeProfile(t))
  const browser = await chromium.launchPersistentContext(folder, {
    ...(executablePath && { executablePath }),
    viewport,
    chromiumSandbox: process.getuid?.() !== 0, // root has no sandbox
    ignoreDefaultArgs: ['--disable-back-forward-cache'], // users have it
    args: [
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--disable-quic', '--disable-gpu', '--no-first-run'],
    ],
  })
  opened.push(browser)
  return browser
}

/** Opens a page in Chromium with a new profile, which is closed after the test. */
export async function openPage(
  t: TestContext,
  viewport?: { width: number; height: number },
): Promise<Page> {
  return (await openBrowser(t, viewport && { viewport })).newPage()
}
