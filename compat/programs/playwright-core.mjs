// package: playwright-core
// parent: evaluates in a page of Chromium
import assert from 'node:assert/strict'
import playwright from 'playwright-core'
import { chromium } from './lib/services.mjs'

const browser = await playwright.chromium.launch({ executablePath: chromium, args: ['--no-sandbox'] })
const page = await browser.newPage()

export const use = async () => assert.equal(await page.evaluate('1 + 2'), 3)
