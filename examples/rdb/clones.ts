import { handlers } from 'node-qclone'

import type { Database } from './database.js'

/** A clone, as the table of clones tells of it. */
export interface CloneEntry {
  readonly at: number
  readonly pid: number
  readonly event: string
  readonly name: string
  /** For how long the parent stood still to make it. */
  readonly stallMs: number
  livedMs: number | null
  /** Its exit status or its signal; null while it lives. */
  ending: string | null
}

/** Keeps a log of clones, and has each clone know of which moment it is. */
export function watchClones(database: Database): void {
  const { clones } = database
  handlers.newClone.shim((prev, clone, event) => {
    const { pid, name, startedAt, timings } = clone
    clones.add({ at: startedAt, pid, event, name, stallMs: timings.totalMs, livedMs: null, ending: null })
    prev(clone, event)
  })
  handlers.oldClone.shim((prev, status, event) => {
    const entry = clones.entries.find(({ pid, ending }) => pid === status.pid && ending === null)
    if (entry) {
      entry.livedMs = Date.now() - entry.at
      entry.ending = status.signal ?? `${status.status}`
    }
    prev(status, event)
  })
  handlers.inRequest.shim((prev, ...args) => {
    database.freeze()
    prev(...args)
  })
  handlers.inQuery.shim((prev, ...args) => {
    database.freeze()
    prev(...args)
  })
  handlers.inSession.shim((prev, ...args) => {
    database.freeze()
    prev(...args)
  })
}
