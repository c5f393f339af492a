import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Browsing } from './browse.js'
import { columnsOf, numberIn, type Origin, originOf, pairsOf, sum } from './seen.js'

const ROWS = 50
const PAGES = 3

/** Result of a tour through the viewer. */
export interface Seen {
  /** Milliseconds from the click until the page was loaded, for each page. */
  readonly loadMs: number[]
  readonly origins: Origin[]
  /** Updates between two loads of the same page. */
  readonly moved: number[]
  /** Number of facts checked. */
  checks: number
  readonly troubles: string[]
}

/** Visits every page of the viewer at `origin`, `rounds` times. */
export async function tour(
  browsing: Browsing,
  origin: string,
  rounds: number,
  picture: string,
): Promise<Seen> {
  const seen: Seen = { loadMs: [], origins: [], moved: [], checks: 0, troubles: [] }
  const guide = new Guide(browsing, origin, seen)
  for (let round = 0; round < rounds; round++) {
    await guide.overview()
    await guide.pages()
    await guide.sorted()
    await guide.airports()
    await guide.form()
    await guide.box()
    await guide.mistake()
  }
  await guide.takePicture(picture)
  const complaints = browsing.complaints.filter((complaint) => !complaint.includes(`${STATUS_OF_MISTAKE}`))
  guide.expect('no errors except the expected one', complaints, [])
  guide.expect('a clone for each page', new Set(seen.origins.map(({ pid }) => pid)).size, seen.origins.length)
  return seen
}

class Guide {
  readonly #browsing: Browsing
  readonly #origin: string
  readonly #seen: Seen

  constructor(browsing: Browsing, origin: string, seen: Seen) {
    this.#browsing = browsing
    this.#origin = origin
    this.#seen = seen
  }

  expect(what: string, found: unknown, expected: unknown): void {
    this.#seen.checks++
    if (JSON.stringify(found) === JSON.stringify(expected)) return
    this.#seen.troubles.push(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(found)}`)
  }

  /** Checks that the overview changes from one load to the next. */
  async overview(): Promise<void> {
    const { page } = this.#browsing
    await this.#load(() => page.goto(`${this.#origin}/`))
    const { version: before, at } = await originOf(page)
    const flights = await numberIn(page, 'flights')
    await this.#load(() => page.reload())
    const { version: after, at: later } = await originOf(page)
    this.#seen.moved.push(after - before)
    this.expect('updates continue', after > before, true)
    this.expect('the snapshot is newer', later > at, true)
    this.expect('the page shows one snapshot', await numberIn(page, 'updates'), after)
    this.expect('no flights are lost', (await numberIn(page, 'flights')) >= flights, true)
  }

  /** Goes forward and back by links, then by the browser's history. */
  async pages(): Promise<void> {
    const { page } = this.#browsing
    await this.#load(() => page.locator('header nav').getByText('flights').click())
    const urls = [page.url()]
    await this.#expectPage(0)
    for (let i = 1; i <= PAGES; i++) {
      await this.#follow('next')
      await this.#expectPage(i)
      urls.push(page.url())
    }
    for (let i = PAGES - 1; i >= 0; i--) {
      await this.#follow('prev')
      await this.#expectPage(i)
      this.expect('the way back has the same pages', page.url(), urls[i])
    }
    await this.#load(() => page.goBack())
    await this.#expectPage(1)
    await this.#load(() => page.goForward())
    await this.#expectPage(0)
    await this.#follow('last')
    const last = (await columnsOf(page)).flight?.at(-1)
    const [, total] = /of ([\d,]+)/.exec((await page.locator('.range').first().textContent()) ?? '') ?? []
    this.expect('the last page has the last row', Number(last) + 1, Number(total?.replaceAll(',', '')))
  }

  /** Sorts by a column that updates change. Each page is from another moment, and sorted. */
  async sorted(): Promise<void> {
    const { page } = this.#browsing
    for (const sign of [1, -1]) {
      await this.#load(() => page.locator('th').getByText('delay').click())
      const delays = (await columnsOf(page)).delay?.map(Number) ?? []
      this.expect(
        'sorted',
        delays,
        delays.toSorted((a, b) => sign * (a - b)),
      )
    }
  }

  /** Checks that no snapshot contains half of an update. */
  async airports(): Promise<void> {
    const { page } = this.#browsing
    await this.#load(() => page.goto(`${this.#origin}/table/airports?rows=1000`))
    const { version } = await originOf(page)
    this.expect('the page is consistent', sum((await columnsOf(page)).revisions), version)
  }

  /** Runs a query through its form. */
  async form(): Promise<void> {
    const { page } = this.#browsing
    await this.#load(() => page.locator('header nav').getByText('queries').click())
    await this.#load(() => page.getByRole('link', { name: 'select', exact: true }).click())
    await page.getByLabel('table').selectOption('airports')
    await page.locator('input[name=n]').fill('7')
    await page.locator('input[name=sort]').fill('-flights')
    await this.#load(() => page.locator('form.query button').click())
    const flights = (await columnsOf(page)).flights?.map(Number) ?? []
    this.expect('as many rows as requested', flights.length, 7)
    this.expect(
      'the largest first',
      flights,
      flights.toSorted((a, b) => b - a),
    )
  }

  /** Runs a query as text. */
  async box(): Promise<void> {
    const { page } = this.#browsing
    await page.getByLabel('q)').fill('check[]')
    await this.#load(() => page.getByLabel('q)').press('Enter'))
    const { kept, counted, troubles, version } = await pairsOf(page)
    this.expect('the total equals the count', kept, counted)
    this.expect('all totals hold', troubles, 0)
    this.expect('the answer and its page are from the same snapshot', version, (await originOf(page)).version)
  }

  /** Checks that an error is shown, and only as text. */
  async mistake(): Promise<void> {
    const { page } = this.#browsing
    const text = 'count["<img src=x onerror=alert(1)>"]'
    await page.getByLabel('q)').fill(text)
    await this.#load(() => page.getByLabel('q)').press('Enter'), STATUS_OF_MISTAKE)
    this.expect('the query box keeps the text', await page.getByLabel('q)').inputValue(), text)
    const message = (await page.getByRole('alert').textContent()) ?? ''
    this.expect('the error quotes the text', message.includes('<img src=x onerror=alert(1)>'), true)
    this.expect('nothing of it is markup', await page.locator('img').count(), 0)
  }

  async takePicture(path: string): Promise<void> {
    const { page } = this.#browsing
    await this.#load(() => page.goto(`${this.#origin}/table/flights?from=0&rows=25&sort=-delay`))
    mkdirSync(dirname(path), { recursive: true })
    await page.screenshot({ path })
  }

  async #follow(rel: string): Promise<void> {
    const { page } = this.#browsing
    await this.#load(() => page.locator(`a[rel=${rel}]`).first().click())
  }

  async #expectPage(number: number): Promise<void> {
    const flights = (await columnsOf(this.#browsing.page)).flight?.map(Number)
    const expected = Array.from({ length: ROWS }, (_, i) => number * ROWS + i)
    this.expect(`page ${number}`, flights, expected)
  }

  /** Waits for the page that `act` leads to. */
  async #load(act: () => Promise<unknown>, status = 200): Promise<void> {
    const { page } = this.#browsing
    const begun = performance.now()
    const [response] = await Promise.all([
      page.waitForResponse((response) => response.request().isNavigationRequest()),
      page.waitForEvent('load'),
      act(),
    ])
    this.#seen.loadMs.push(performance.now() - begun)
    this.expect(`status of ${response.url()}`, response.status(), status)
    this.#seen.origins.push(await originOf(page))
  }
}

const STATUS_OF_MISTAKE = 400
