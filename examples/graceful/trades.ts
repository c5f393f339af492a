import { setImmediate as nextTurn } from 'node:timers/promises'

interface Trade {
  readonly id: number
  readonly symbol: string
  size: number
}

const SYMBOLS = ['AAPL', 'AMZN', 'GOOG', 'IBM', 'META', 'MSFT', 'NVDA', 'ORCL']
const MAX_SIZE = 1000
const ROWS_PER_TURN = 10_000
const UPDATES_PER_MS = 5
const LINES_PER_CHUNK = 1000

export class Trades {
  /** Number of updates so far. Identifies a snapshot. */
  version = 0
  /** Sum of all sizes, updated with each change. */
  volume = 0
  readonly #trades: Trade[] = []
  #feed: NodeJS.Timeout | undefined

  /** Loads the table without blocking the event loop. */
  async load(rows: number, signal: AbortSignal): Promise<void> {
    while (this.#trades.length < rows && !signal.aborted) {
      const end = Math.min(rows, this.#trades.length + ROWS_PER_TURN)
      for (let id = this.#trades.length; id < end; id++) this.#insert(id)
      await nextTurn()
    }
  }

  /** Starts the feed, which changes the size of some trades every millisecond. */
  start(): void {
    this.#feed = setInterval(() => {
      for (let i = 0; i < UPDATES_PER_MS; i++) this.#update()
    }, 1)
  }

  stop(): void {
    clearInterval(this.#feed)
  }

  volumeBySymbol(): Record<string, number> {
    const volumes: Record<string, number> = {}
    for (const { symbol, size } of this.#trades) volumes[symbol] = (volumes[symbol] ?? 0) + size
    return volumes
  }

  /** Yields the whole table in chunks. */
  *csv(): Generator<string> {
    yield 'id,symbol,size\n'
    for (let from = 0; from < this.#trades.length; from += LINES_PER_CHUNK) {
      const some = this.#trades.slice(from, from + LINES_PER_CHUNK)
      yield some.map(({ id, symbol, size }) => `${id},${symbol},${size}\n`).join('')
    }
  }

  #insert(id: number): void {
    const size = anyBelow(MAX_SIZE)
    this.#trades.push({ id, symbol: SYMBOLS[id % SYMBOLS.length] as string, size })
    this.volume += size
  }

  #update(): void {
    const trade = this.#trades[anyBelow(this.#trades.length)]
    if (!trade) return
    const size = anyBelow(MAX_SIZE)
    this.volume += size - trade.size
    this.version += 1
    trade.size = size
  }
}

function anyBelow(limit: number): number {
  return Math.floor(Math.random() * limit)
}
