/**
A client by node-q: `node node-q-client.js HOST PORT USER PASSWORD`. Prints what it saw as one object of JSON.
*/
import { promisify } from 'node:util'
import nodeq, { type Connection } from 'node-q'

const [host = '', port = '', user = '', password = ''] = process.argv.slice(2)

function open(password: string): Promise<Connection> {
  return promisify<object, Connection>(nodeq.connect as never)({ host, port: Number(port), user, password })
}

/** The error that comes of it, as text. */
async function errorOf(promise: Promise<unknown>): Promise<string | null> {
  try {
    await promise
    return null
  } catch (error) {
    return (error as Error).message
  }
}

const isRefused = (await errorOf(open(`${password}?`))) !== null
const connection = await open(password)
const ask = promisify((name: string, args: unknown[], done: (error?: Error, value?: unknown) => void) =>
  connection.k(name, ...args, done),
)
const send = promisify((name: string, args: unknown[], done: () => void) =>
  connection.ks(name, ...args, done),
)

const values: Record<string, unknown> = {}
for (const name of (await ask('names', [])) as string[]) values[name] = await ask('get', [name])
const sum = await ask('add', [2, 3.5])
const echoes = await ask('echo', [[1.5, 'text', true, null, { a: [1, 2] }]])
const error = await errorOf(ask('fail', ['as it should']))
await send('upd', ['trade', [1, 2]])
await send('upd', ['trade', [3, 4]])
const updates = await ask('updates', [])
await new Promise<void>((resolve) => connection.close(() => resolve()))
console.log(JSON.stringify({ isRefused, values, sum, echoes, error, updates }))
