/** What a client speaks to a server. */
export type Kind = 'http' | 'tls' | 'offload' | 'sessions' | 'queries'

export const KINDS: readonly Kind[] = ['http', 'tls', 'offload', 'sessions', 'queries']

/** A server that listens. */
export interface Door {
  readonly name: string
  readonly kind: Kind
  readonly tls?: boolean
  /** Of HTTP: bytes of a body that are waited for before there is a clone. */
  readonly collect?: number
  /** Of HTTP: whether requests must come within {@link HASTY}. */
  readonly hasty?: boolean
  /** Whether connections stay half-open. */
  readonly halfOpen?: boolean
  /** Of HTTP: whether it listens for `checkContinue`. */
  readonly asksFirst?: boolean
  /** Of sessions and queries. */
  readonly speaks?: 'lines' | 'ndjson' | 'kdb'
  readonly when?: 'connection' | 'data'
}

/** Limits of a hasty server, in milliseconds. */
export const HASTY = { headersTimeout: 700, requestTimeout: 1400, connectionsCheckingInterval: 50 }

const SMALL = 1000
/** The default of `collect`. */
export const COLLECT_BYTES = 1 << 18

export const DOORS: readonly Door[] = [
  { name: 'http', kind: 'http' },
  { name: 'http-small', kind: 'http', collect: SMALL, asksFirst: true },
  { name: 'http-hasty', kind: 'http', collect: SMALL, hasty: true },
  { name: 'http-half-open', kind: 'http', halfOpen: true },
  { name: 'https', kind: 'tls', tls: true },
  { name: 'https-small', kind: 'tls', tls: true, collect: SMALL },
  { name: 'offload', kind: 'offload' },
  { name: 'offload-tls', kind: 'offload', tls: true },
  { name: 'lines', kind: 'sessions', speaks: 'lines', when: 'connection' },
  { name: 'lines-data', kind: 'sessions', speaks: 'lines', when: 'data' },
  { name: 'lines-half-open', kind: 'sessions', speaks: 'lines', when: 'connection', halfOpen: true },
  { name: 'lines-tls', kind: 'sessions', speaks: 'lines', when: 'connection', tls: true },
  { name: 'lines-tls-data', kind: 'sessions', speaks: 'lines', when: 'data', tls: true },
  { name: 'ndjson', kind: 'sessions', speaks: 'ndjson', when: 'connection' },
  { name: 'ndjson-data', kind: 'sessions', speaks: 'ndjson', when: 'data' },
  { name: 'ndjson-tls', kind: 'sessions', speaks: 'ndjson', when: 'data', tls: true },
  { name: 'kdb', kind: 'sessions', speaks: 'kdb', when: 'connection' },
  { name: 'kdb-tls', kind: 'sessions', speaks: 'kdb', when: 'connection', tls: true },
  { name: 'queries-ndjson', kind: 'queries', speaks: 'ndjson' },
  { name: 'queries-kdb', kind: 'queries', speaks: 'kdb' },
  { name: 'queries-half-open', kind: 'queries', speaks: 'ndjson', halfOpen: true },
]
