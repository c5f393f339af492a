/** What goes with a connection from one process to the next. */
export interface Luggage {
  /** State of a conversation between two messages, as base64. */
  readonly state?: string
  /** Time until which the client may stay silent, by `uptimeMs`, which all these processes share. */
  readonly idleUntil?: number
  /** Whether the client has been answered before. */
  readonly answered?: boolean
  /** Number of bytes in the file, which were read of the connection and not handled. */
  readonly unread?: number
  /** Time by `uptimeMs` until which the client has had something forwarded. Only snapshots after that have all of it. */
  readonly wroteAt?: number
  /** Whether it waits for an answer: from such a snapshot, or from the next reader. */
  readonly asks?: boolean
  /** Time by `uptimeMs` of the snapshot that its last answers were from. Noted by the parent. */
  readonly seen?: number
}

/** Where the client of a forwarded connection is, and was connected to. */
export interface Whereabouts {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly remoteFamily?: string | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly encrypted: boolean
  /** Whether the request may change what readers read. */
  readonly changes: boolean
}

/**
Messages between the parent and a reader. With `take`, `back` and `forward` comes the descriptor of a connection; with
the first two also that of a file in memory, if there is something unread.
*/
export type Note =
  /** Parent: serve this connection. */
  | { readonly take: number; readonly with: Luggage }
  /** Parent: take no more, give back what rests, and end once the rest is over, within this number of milliseconds. */
  | { readonly retire: number }
  /** Parent: end what rests and cannot be given back, without waiting for the time given. */
  | { readonly hurry: true }
  /** Reader: these connections are taken, so many are open, and whether it reads no more new requests. */
  | { readonly took: readonly number[]; readonly open: number; readonly retired: boolean }
  /** Reader: this connection came without its descriptor. */
  | { readonly missed: number }
  /** Reader: serve this connection, which has written nothing after this number of updates. */
  | { readonly back: Luggage; readonly updates: number }
  /** Reader: requests for the parent come through this socket. */
  | { readonly forward: Whereabouts }
