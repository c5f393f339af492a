import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { findCommand } from './command.js'

const START_MS = 30_000
const STEP_MS = 20_000

/** The path of a Chromium; undefined where none is installed. */
export function findChromium(): string | undefined {
  return findCommand('chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome')
}

/** What a page had to say, beside what is seen of it. */
export interface Browsing {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of scripts and policies, and requests that failed. */
  readonly complaints: readonly string[]
}

/** Opens a browser without a window, and closes it after `act`. Each of its steps has a limit. */
export async function browse<T>(act: (browsing: Browsing) => Promise<T>): Promise<T> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error('there is no Chromium: see scripts/install-clients.sh')
  // It shows pages of this machine only, and may be run by root, who has no sandbox.
  const browser = await chromium.launch({ executablePath, timeout: START_MS })
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US' })
    context.setDefaultTimeout(STEP_MS)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`))
    return await act({ page, context, complaints })
  } finally {
    await browser.close()
  }
}
