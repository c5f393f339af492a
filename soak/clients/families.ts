import { seeByAgent } from '../../harness/clients/agent.js'
import { seeByCurl } from '../../harness/clients/curl-cases.js'
import { seeUnderLoad } from '../../harness/clients/load.js'
import { seeThroughNginx } from '../../harness/clients/nginx-cases.js'
import { seeBytes } from '../../harness/clients/raw-cases.js'
import type { Seen } from '../../harness/clients/seen.js'
import type { Target } from '../../harness/clients/target.js'

export interface Client {
  /** Commands that must be installed. */
  readonly needs: readonly string[]
  /** Whether the client stops using a TLS connection after a reply with `connection: close`. */
  readonly heedsClose: boolean
  see(target: Target, loadSeconds: number): Promise<Seen[]>
}

export const CLIENTS = {
  raw: { needs: [], heedsClose: true, see: seeBytes },
  curl: { needs: ['curl'], heedsClose: true, see: (target) => seeByCurl(target) },
  node: { needs: [], heedsClose: true, see: seeByAgent },
  // autocannon writes to it anyway, and counts an error.
  autocannon: { needs: [], heedsClose: false, see: seeUnderLoad },
  nginx: { needs: ['nginx', 'curl'], heedsClose: true, see: seeThroughNginx },
} satisfies Record<string, Client>

export type ClientName = keyof typeof CLIENTS
