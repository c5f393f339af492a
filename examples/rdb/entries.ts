/** Row of the table `clones`. */
export interface CloneEntry {
  readonly at: number
  readonly pid: number
  readonly kind: string
  readonly name: string
  /** Time for which the fork blocked the parent. */
  readonly stallMs: number
  livedMs: number | null
  /** Exit status or signal; null while it lives. */
  ending: string | null
}

/** Row of the table `publications`. */
export interface Publication {
  readonly at: number
  readonly table: string | null
  readonly rows: number
  /** Reason why the message was rejected. */
  readonly trouble: string | null
}
