// package: puppeteer-core
// parent: evaluates in a page of Chromium
import assert from 'node:assert/strict'
import puppeteer from 'puppeteer-core'
import { chromium } from './lib/services.mjs'

const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox'] })
const page = await browser.newPage()

export const use = async () => assert.equal(await page.evaluate('1 + 2'), 3)
