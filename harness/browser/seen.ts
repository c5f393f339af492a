import type { Page } from 'playwright-core'

/** Source of a page, as shown on it. */
export interface Origin {
  readonly pid: number
  readonly version: number
  readonly at: number
  readonly ms: number
}

export async function originOf(page: Page): Promise<Origin> {
  const text = (id: string) => page.locator(`#${id}`).textContent()
  return {
    pid: Number(await text('pid')),
    version: await numberIn(page, 'version'),
    at: Date.parse((await page.locator('#at').getAttribute('datetime')) ?? ''),
    ms: Number(await text('ms')),
  }
}

/** Number that an element displays. */
export async function numberIn(page: Page, id: string): Promise<number> {
  return Number(await page.locator(`#${id}`).getAttribute('data-value'))
}

/** Columns of the table on a page, by name. */
export async function columnsOf(page: Page): Promise<Record<string, string[]>> {
  const names = await page.locator('thead th').allInnerTexts()
  const rows = await page
    .locator('tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')))
  return Object.fromEntries(
    names.map((name, i) => [name.replace(/ [▲▼]$/, ''), rows.map((row) => row[i] ?? '')]),
  )
}

/** Named values on a page. */
export async function pairsOf(page: Page): Promise<Record<string, number>> {
  const pairs = await page
    .locator('dd[data-name]')
    .evaluateAll((all) => all.map((dd) => [dd.getAttribute('data-name') ?? '', dd.textContent ?? '']))
  return Object.fromEntries(pairs.map(([name, text]) => [name, Number(text?.replaceAll(',', ''))]))
}

export function sum(texts: readonly string[] = []): number {
  return texts.reduce((total, text) => total + Number(text), 0)
}
