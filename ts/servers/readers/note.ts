/** State that accompanies a connection from one process to the next. */
export interface Luggage {
  /** State of a conversation between two messages, as base64. */
  readonly state?: string
  /** Time until which the client may stay silent, by `uptimeMs`, which all these processes share. */
  readonly idleUntil?: number
  /** Whether the client has been answered before. */
  readonly answered?: boolean
  /** Number of bytes in the file, which were read from the connection but not handled. */
  readonly unread?: number
  /** Time by `uptimeMs` until which the client's writes were forwarded. Only later snapshots contain all of them. */
  readonly wroteAt?: number
  /** Whether the client waits for an answer, from such a snapshot or from the next reader. */
  readonly asks?: boolean
  /** Time by `uptimeMs` of the snapshot that the client's last answers came from. Set by the parent. */
  readonly seen?: number
}

/** Clients that a draining reader disconnects: those at `rest`, or also those with part of a request (`half`). */
export type Hurry = 'rest' | 'half'

/** Addresses of the client of a forwarded connection, and of the end it was connected to. */
export interface Whereabouts {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly remoteFamily?: string | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly encrypted: boolean
  /** Whether the request may change data that readers read. */
  readonly changes: boolean
}

/**
Messages between the parent and a reader. `take`, `back` and `forward` come with the descriptor of a connection; `take`
and `back` also with that of a file in memory, if there is unhandled input.
*/
export type Note =
  /** Parent: serve this connection. */
  | { readonly take: number; readonly with: Luggage }
  /** Parent: take no more, give back idle ones, and end once the rest is over, within this number of milliseconds. */
  | { readonly retire: number }
  /** Parent: before that time, disconnect clients that wait for nothing and cannot be given back; see {@link Hurry}. */
  | { readonly hurry: Hurry }
  /** Reader: connections taken, number of open ones, and whether it has stopped reading new requests. */
  | { readonly took: readonly number[]; readonly open: number; readonly retired: boolean }
  /** Reader: this connection arrived without its descriptor. */
  | { readonly missed: number }
  /** Reader: serve this connection, which has sent no update after the first `updates` of this reader. */
  | { readonly back: Luggage; readonly updates: number }
  /** Reader: requests for the parent come through this socket. */
  | { readonly forward: Whereabouts }
