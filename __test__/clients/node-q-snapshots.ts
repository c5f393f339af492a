/**
Clients by node-q of one server: `node node-q-snapshots.js HOST PORT USER PASSWORD`. Prints which versions of the
server's data they saw, and what became of who crashed its clone, as one object of JSON.
*/
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import nodeq, { type Connection } from 'node-q'

const [host = '', port = '', user = '', password = ''] = process.argv.slice(2)
const LATER_MS = 100
const LOST_MS = 5000

async function open() {
  const options = { host, port: Number(port), user, password }
  const connection = await promisify<object, Connection>(nodeq.connect as never)(options)
  // Else a connection that is lost is an error that nobody catches.
  connection.on('error', () => {})
  return promisify((name: string, done: (error?: Error, value?: unknown) => void) => connection.k(name, done))
}

/** Whether asking fails, or is never answered: node-q does not tell who waits that the connection is lost. */
function isLost(asked: Promise<unknown>): Promise<boolean> {
  const failed = asked.then(
    () => false,
    () => true,
  )
  return Promise.race([failed, delay(LOST_MS, true)])
}

const [first, second] = [await open(), await open()]
const seen = [await first('version')]
await delay(LATER_MS)
seen.push(await first('version'))
const crashed = await isLost(second('crash'))
const changed = await first('change')
seen.push(await first('version'))
const fresh = await (await open())('version')
console.log(JSON.stringify({ seen, crashed, changed, fresh }))
process.exit()
