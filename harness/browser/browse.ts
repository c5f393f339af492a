import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { findCommand } from '../clients/command.js'

const START_MS = 30_000
const STEP_MS = 20_000

/** Path of a Chromium; `undefined` if none is installed. */
export function findChromium(): string | undefined {
  return findCommand('chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome')
}

/** Browser page, and the errors it reported. */
export interface Browsing {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of scripts and content policies, and failed requests. */
  readonly complaints: readonly string[]
}

/** Opens a headless browser, and closes it after `act`. Each step has a time limit. */
export async function browse<T>(act: (browsing: Browsing) => Promise<T>): Promise<T> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error('Chromium is missing: run scripts/install-clients.sh')
  // It shows only local pages, and root cannot use the sandbox.
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
