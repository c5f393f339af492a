/** What a server is started with. */
export interface Start {
  /** `cloning` with clones; `plain` without, each door twice: at once, and late. */
  readonly role: 'cloning' | 'plain'
  readonly key: string
  readonly cert: string
}

/** What a server says unasked. */
export type Notice =
  | { readonly ports: Record<string, number> }
  | { readonly uncaught: string }
  | { readonly left: Left }

/** What is left when all clients have gone. */
export interface Left {
  readonly clones: number
  /** Of clones of requests, what they answer. */
  readonly names: readonly string[]
  readonly children: number
  readonly connections: number
  /** Where they are open. */
  readonly doors: readonly string[]
  readonly descriptors: number
}

/** The name of a door whose handlers take their time. */
export const LATE = '-late'
