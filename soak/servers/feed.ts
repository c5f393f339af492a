import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { ACCOUNTS } from '../../harness/owned-answers.js'
import type { Tally } from './expect.js'

const TICK_MS = 10

/** Publishes `perSecond` updates per second on the port of queries, until the server stops accepting them. */
export async function startFeed(
  port: number,
  perSecond: number,
  going: () => boolean,
  tally: Tally,
): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  let lost = false
  socket.on('error', () => {})
  socket.on('close', () => {
    lost = true
  })
  await once(socket, 'connect')
  const account = () => Math.floor(tally.draw() * ACCOUNTS)
  const begun = performance.now()
  let sent = 0
  while (going() && !lost) {
    const due = ((performance.now() - begun) / 1000) * perSecond
    let lines = ''
    for (; sent < due; sent++)
      lines += `{"update":[${account()},${account()},${Math.floor(tally.draw() * 100)}]}\n`
    if (!socket.write(lines)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    await delay(TICK_MS)
  }
  if (lost) tally.wrong.push('the feed lost its connection')
  tally.counts.updates = sent
  socket.destroy()
}
