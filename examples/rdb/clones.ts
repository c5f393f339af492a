import { handlers } from 'node-qclone'

import type { Database } from './database.js'

/** Keeps a log of clones, and records the time of the snapshot in each clone. */
export function watchClones(database: Database): void {
  const { clones } = database
  handlers.newClone.shim((prev, clone, kind) => {
    const { pid, name, startedAt, timings } = clone
    clones.add({ at: startedAt, pid, kind, name, stallMs: timings.totalMs, livedMs: null, ending: null })
    prev(clone, kind)
  })
  handlers.oldClone.shim((prev, status, kind) => {
    const entry = clones.entries.find(({ pid, ending }) => pid === status.pid && ending === null)
    if (entry) {
      entry.livedMs = Date.now() - entry.at
      entry.ending = status.signal ?? `${status.status}`
    }
    prev(status, kind)
  })
  handlers.inRequest.shim((prev, ...args) => {
    database.freeze()
    prev(...args)
  })
  handlers.inReader.shim((prev, ...args) => {
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
