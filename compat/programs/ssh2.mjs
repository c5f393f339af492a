// package: ssh2
// parent: executes commands on a server of its own
// clone: executes one by a client of its own
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'

const { private: hostKey } = ssh2.utils.generateKeyPairSync('ed25519')
const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
  client.on('error', () => {})
  client.on('authentication', (context) => context.accept())
  client.on('session', (accept) =>
    accept().on('exec', (accept, _, { command }) => {
      const stream = accept()
      stream.exit(0)
      stream.end(`did ${command}`)
    }),
  )
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.address()
async function connect() {
  const client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port, username: 'ann', password: 'secret' })
  await once(client, 'ready')
  return client
}
const client = await connect()
async function execute(by) {
  assert.equal(await text(await promisify(by.exec.bind(by))('sum')), 'did sum')
}

export const use = () => execute(client)
export const inClone = async () => execute(await connect())
