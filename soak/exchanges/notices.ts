/** Start message for a server. */
export interface Start {
  /** `cloning` uses clones. `plain` does not, and has two listeners per door: one fast, one late. */
  readonly role: 'cloning' | 'plain'
  readonly key: string
  readonly cert: string
}

/** Unsolicited message of a server. */
export type Notice =
  | { readonly ports: Record<string, number> }
  | { readonly uncaught: string }
  | { readonly left: Left }

/** Resources left when all clients have gone. */
export interface Left {
  readonly clones: number
  /** Kind and name of each clone. The name of a request's clone contains the request. */
  readonly names: readonly string[]
  readonly children: number
  /** Connections without TLS. */
  readonly connections: number
  /**
  Node keeps a TLS connection forever if its client resets it while the body is not read, on all release lines. So the
  plain server leaves some of these too.
  */
  readonly tlsConnections: number
  /** Doors at which connections are open. */
  readonly doors: readonly string[]
  readonly descriptors: number
}

/** Suffix of a door with slow handlers. */
export const LATE = '-late'
