import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

import { ExampleError } from './errors.js'
import type { Progress } from './progress.js'
import { FlightTable } from './table.js'

const COLUMNS = ['date', 'delay', 'distance', 'origin', 'destination'] as const
const MICROS_PER_MINUTE = 60_000_000

/** Loads the first `rows` flights, and shows the progress. */
export function loadWithProgress(rows: number, progress: Progress): Promise<FlightTable> {
  const startedAt = performance.now()
  return loadFlights(rows, (loaded) => {
    const perSecond = Math.round((loaded / (performance.now() - startedAt)) * 1000)
    const text = `${loaded.toLocaleString('en-US')} flights loaded, ${perSecond.toLocaleString('en-US')}/s`
    progress.bar(loaded / rows, text)
  })
}

/** Loads the first `rows` flights, one row group at a time, and calls `onProgress` with their number. */
export async function loadFlights(rows: number, onProgress: (loaded: number) => void): Promise<FlightTable> {
  const file = await asyncBufferFromFile(dataFile())
  const metadata = await parquetMetadataAsync(file)
  const table = new FlightTable()
  const names = new Map<string, string>()
  const intern = (value: unknown): string => {
    const name = String(value)
    const known = names.get(name)
    if (known === undefined) names.set(name, name)
    return known ?? name
  }

  let groupStart = 0
  for (const group of metadata.row_groups) {
    if (groupStart >= rows) break
    const groupEnd = groupStart + Number(group.num_rows)
    const chunks = new Map<string, ArrayLike<unknown>>()
    await parquetRead({
      file,
      metadata,
      compressors,
      columns: [...COLUMNS],
      rowStart: groupStart,
      rowEnd: groupEnd,
      parsers: { timestampFromMicroseconds: (micros) => Number(micros) / MICROS_PER_MINUTE },
      onChunk: (chunk) => chunks.set(chunk.columnName, chunk.columnData),
    })

    const [date, delay, distance, origin, destination] = COLUMNS.map((name) => column(chunks, name))
    const count = Math.min(groupEnd, rows) - groupStart
    for (let i = 0; i < count; i += 1) {
      table.insert({
        minute: int(date?.[i]),
        distance: int(distance?.[i]),
        // Each row group has its own copy of every name. This keeps only one.
        origin: intern(origin?.[i]),
        destination: intern(destination?.[i]),
        delay: int(delay?.[i]),
        revisions: 0,
      })
    }
    groupStart = groupEnd
    onProgress(table.flights.length)
  }
  return table
}

function column(chunks: ReadonlyMap<string, ArrayLike<unknown>>, name: string): ArrayLike<unknown> {
  const values = chunks.get(name)
  if (values === undefined)
    throw new ExampleError('ERR_EXAMPLE_DATA', `Expected a column \`${name}\` in flights-3m.parquet`)
  return values
}

function dataFile(): string {
  const hint = 'run `npm ci` first: the development dependencies include the flights'
  let entry: string
  try {
    entry = import.meta.resolve('vega-datasets')
  } catch (error) {
    throw new ExampleError('ERR_EXAMPLE_DATA', `vega-datasets is not installed; ${hint}`, { cause: error })
  }
  const path = fileURLToPath(new URL('../data/flights-3m.parquet', entry))
  if (!existsSync(path)) throw new ExampleError('ERR_EXAMPLE_DATA', `${path} is missing; ${hint}`)
  return path
}

/** `| 0` makes it a small integer for V8, whatever type the reader returned. A double would need a box. */
function int(value: unknown): number {
  return Number(value) | 0
}
