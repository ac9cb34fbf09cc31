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
  /** The folder of the profile, which keeps its cookies. The default is a new one. */
  profile?: string
}

/** Opens Chromium, which is closed after the test. */
export async function openBrowser(
  t: TestContext,
  { viewport = { width: 1280, height: 900 }, profile }: BrowserOptions = {},
): Promise<BrowserContext> {
  const browser = await chromium.launchPersistentContext(profile ?? (await makeFolder(t)), {
    ...(executablePath && { executablePath }),
    viewport,
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

/** Opens a page in Chromium with a new profile, which is closed after the test. */
export async function openPage(
  t: TestContext,
  viewport?: { width: number; height: number },
): Promise<Page> {
  return (await openBrowser(t, viewport && { viewport })).newPage()
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
