/** Protocol between client and server. */
export type Kind = 'http' | 'tls' | 'offload' | 'sessions' | 'queries'

export const KINDS: readonly Kind[] = ['http', 'tls', 'offload', 'sessions', 'queries']

/** Listening server. */
export interface Door {
  readonly name: string
  readonly kind: Kind
  readonly tls?: boolean
  /** HTTP: bytes of a body that are buffered before a clone is made. */
  readonly maxBufferedBody?: number
  /** HTTP: whether requests must arrive within {@link HASTY}. */
  readonly hasty?: boolean
  /** Whether connections stay half-open. */
  readonly halfOpen?: boolean
  /** HTTP: whether it listens for `checkContinue`. */
  readonly asksFirst?: boolean
  /** Sessions and queries: their protocol. */
  readonly speaks?: 'lines' | 'ndjson' | 'kdb'
  readonly forkOn?: 'connection' | 'data'
}

/** Limits of a hasty server, in milliseconds. */
export const HASTY = { headersTimeout: 700, requestTimeout: 1400, connectionsCheckingInterval: 50 }

const SMALL = 1000
/** Default of `maxBufferedBody`. */
export const MAX_BUFFERED_BODY = 1 << 20

export const DOORS: readonly Door[] = [
  { name: 'http', kind: 'http' },
  { name: 'http-small', kind: 'http', maxBufferedBody: SMALL, asksFirst: true },
  { name: 'http-hasty', kind: 'http', maxBufferedBody: SMALL, hasty: true },
  { name: 'http-half-open', kind: 'http', halfOpen: true },
  { name: 'https', kind: 'tls', tls: true },
  { name: 'https-small', kind: 'tls', tls: true, maxBufferedBody: SMALL },
  { name: 'offload', kind: 'offload' },
  { name: 'offload-tls', kind: 'offload', tls: true },
  { name: 'lines', kind: 'sessions', speaks: 'lines', forkOn: 'connection' },
  { name: 'lines-data', kind: 'sessions', speaks: 'lines', forkOn: 'data' },
  { name: 'lines-half-open', kind: 'sessions', speaks: 'lines', forkOn: 'connection', halfOpen: true },
  { name: 'lines-tls', kind: 'sessions', speaks: 'lines', forkOn: 'connection', tls: true },
  { name: 'lines-tls-data', kind: 'sessions', speaks: 'lines', forkOn: 'data', tls: true },
  { name: 'ndjson', kind: 'sessions', speaks: 'ndjson', forkOn: 'connection' },
  { name: 'ndjson-data', kind: 'sessions', speaks: 'ndjson', forkOn: 'data' },
  { name: 'ndjson-tls', kind: 'sessions', speaks: 'ndjson', forkOn: 'data', tls: true },
  { name: 'kdb', kind: 'sessions', speaks: 'kdb', forkOn: 'connection' },
  { name: 'kdb-tls', kind: 'sessions', speaks: 'kdb', forkOn: 'connection', tls: true },
  { name: 'queries-ndjson', kind: 'queries', speaks: 'ndjson' },
  { name: 'queries-kdb', kind: 'queries', speaks: 'kdb' },
  { name: 'queries-half-open', kind: 'queries', speaks: 'ndjson', halfOpen: true },
]
