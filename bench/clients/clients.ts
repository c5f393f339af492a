import { seeByAgent } from '../../__test__/clients/agent.js'
import { seeByCurl } from '../../__test__/clients/curl-cases.js'
import { seeUnderLoad } from '../../__test__/clients/load.js'
import { seeThroughNginx } from '../../__test__/clients/nginx-cases.js'
import { seeBytes } from '../../__test__/clients/raw-cases.js'
import type { Seen } from '../../__test__/clients/seen.js'
import type { Target } from '../../__test__/clients/target.js'

export interface Client {
  /** Commands that must be installed. */
  readonly needs: readonly string[]
  /** Whether it goes on over TLS when a reply says that its connection closes. */
  readonly heedsClose: boolean
  see(target: Target, loadSeconds: number): Promise<Seen[]>
}

export const CLIENTS = {
  raw: { needs: [], heedsClose: true, see: seeBytes },
  curl: { needs: ['curl'], heedsClose: true, see: (target) => seeByCurl(target) },
  node: { needs: [], heedsClose: true, see: seeByAgent },
  // It writes on, and counts an error.
  autocannon: { needs: [], heedsClose: false, see: seeUnderLoad },
  nginx: { needs: ['nginx', 'curl'], heedsClose: true, see: seeThroughNginx },
} satisfies Record<string, Client>

export type ClientName = keyof typeof CLIENTS
