import { seeByCurl } from './curl-cases.js'
import { inFolder } from './folder.js'
import { seeUnderLoad } from './load.js'
import { startNginx, WAYS, type Way } from './nginx.js'
import type { Seen } from './seen.js'
import type { Target } from './target.js'

/** Mode in which a server under load is used. */
const LOADED: Way = 'kept'

/** Tests a server through nginx, with curl and under a load of `seconds`, and reads nginx's log. */
export function seeThroughNginx(server: Target, seconds: number): Promise<Seen[]> {
  return inFolder(async (folder) => {
    const nginx = await startNginx(server, folder)
    const seen: Seen[] = []
    try {
      for (const way of WAYS) {
        for (const one of await seeByCurl(nginx.targets[way], false)) seen.push(named(way, one))
      }
      for (const one of await seeUnderLoad(nginx.targets[LOADED], seconds)) seen.push(named(LOADED, one))
      const log = { what: 'the log of nginx', requests: 0, mayClose: false }
      return [...seen, { ...log, facts: { errors: nginx.errors() }, expected: { errors: '' } }]
    } finally {
      await nginx.end()
    }
  })
}

function named(way: Way, seen: Seen): Seen {
  return { ...seen, what: `${seen.what} (${way})` }
}
