import type { TestContext } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { findProgram } from '../../scripts/server-binary.mjs'
import { makeFolder } from './process/folder.ts'

const executablePath = findProgram('chromium')

/** For the options of tests that need a browser. */
export const needsChromium = { timeout: 60_000, skip: executablePath ? false : 'no Chromium' }

/** Opens a page in Chromium with a new profile, which is closed after the test. */
export async function openPage(
  t: TestContext,
  viewport = { width: 1280, height: 900 },
): Promise<Page> {
  const browser = await chromium.launchPersistentContext(await makeFolder(t), {
    ...(executablePath && { executablePath }),
    viewport,
    chromiumSandbox: process.getuid?.() !== 0, // root has no sandbox
    args: [
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--disable-quic', '--disable-gpu', '--no-first-run'],
    ],
  })
  t.after(() => browser.close())
  return browser.newPage()
}
