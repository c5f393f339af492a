import autocannon from 'autocannon'
import { GREETING } from '../apps/content.js'
import type { Facts, Seen } from './seen.js'
import { originOf, type Target } from './target.js'

const CONNECTIONS = 4
const PIPELINED = 4
/** A request that takes longer counts as lost. The server's clones answer one at a time. */
const REQUEST_LIMIT_S = 20

const GOOD: Facts = {
  errors: '0',
  timeouts: '0',
  'other statuses': '0',
  'wrong bodies': '0',
  answered: 'yes',
}

/** Tests a server with autocannon on persistent connections, `seconds` per case. */
export async function seeUnderLoad(target: Target, seconds: number): Promise<Seen[]> {
  return [
    await seeLoad(target, seconds, 'load', 1),
    await seeLoad(target, seconds, `load, ${PIPELINED} pipelined`, PIPELINED),
  ]
}

async function seeLoad(target: Target, seconds: number, what: string, pipelining: number): Promise<Seen> {
  const result = await autocannon({
    url: `${originOf(target)}/hello`,
    ...(target.socketPath !== undefined && { socketPath: target.socketPath }),
    connections: CONNECTIONS,
    duration: seconds,
    timeout: REQUEST_LIMIT_S,
    expectBody: GREETING,
    pipelining,
  })
  const requests = result['2xx']
  return { what, requests, facts: factsOf(result), expected: GOOD, mayClose: false }
}

function factsOf({ errors, timeouts, non2xx, mismatches, ...result }: autocannon.Result): Facts {
  return {
    errors: `${errors}`,
    timeouts: `${timeouts}`,
    'other statuses': `${non2xx}`,
    'wrong bodies': `${mismatches}`,
    answered: result['2xx'] > 0 ? 'yes' : 'no',
  }
}
