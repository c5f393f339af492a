import { createServer } from 'node:net'
import { deserialize, serialize } from 'bson'
import { listen } from './http.mjs'

const HEADER_BYTES = 16
const OP_QUERY = 2004
const OP_REPLY = 1
const OP_MSG = 2013

/**
Minimal MongoDB server that inserts documents and finds one by name. @returns its URL, and names inserted twice.
*/
export async function mongoServer() {
  const rows = []
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 4 && bytes.length >= bytes.readInt32LE(0)) {
        const length = bytes.readInt32LE(0)
        socket.write(reply(bytes.subarray(0, length), rows))
        bytes = bytes.subarray(length)
      }
    })
  })
  const { port } = new URL(await listen(server))
  const names = () => rows.map(({ name }) => name)
  const twice = () => names().filter((name, index, all) => all.indexOf(name) !== index)
  return { url: `mongodb://127.0.0.1:${port}`, twice }
}

function reply(message, rows) {
  const [id, code] = [message.readInt32LE(4), message.readInt32LE(12)]
  if (code === OP_QUERY) {
    // Reply to the first greeting: flags, cursor, position, count, document.
    const head = Buffer.alloc(20)
    head.writeInt32LE(1, 16)
    return framed(id, OP_REPLY, [head, serialize(answer({ hello: 1 }, rows))])
  }
  return framed(id, OP_MSG, [Buffer.alloc(5), serialize(answer(commandOf(message), rows))])
}

/** Returns the command of an OP_MSG: the document of its first section, with those of the sequences that follow. */
function commandOf(message) {
  let at = HEADER_BYTES + 4
  let command = {}
  while (at < message.length) {
    const kind = message[at++]
    const length = message.readInt32LE(at)
    if (kind === 0) Object.assign(command, deserialize(message.subarray(at, at + length)))
    else {
      const name = message.toString('latin1', at + 4, message.indexOf(0, at + 4))
      command = { ...command, [name]: documents(message.subarray(at + 4 + name.length + 1, at + length)) }
    }
    at += length
  }
  return command
}

function documents(bytes) {
  const found = []
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at))
    found.push(deserialize(bytes.subarray(at, at + bytes.readInt32LE(at))))
  return found
}

function answer(command, rows) {
  if (command.insert) {
    rows.push(...command.documents)
    return { n: command.documents.length, ok: 1 }
  }
  if (command.find) {
    const firstBatch = rows.filter(({ name }) => name === command.filter.name)
    return { cursor: { id: 0n, ns: `compat.${command.find}`, firstBatch }, ok: 1 }
  }
  return {
    isWritablePrimary: true,
    minWireVersion: 0,
    maxWireVersion: 21,
    maxBsonObjectSize: 2 ** 24,
    maxWriteBatchSize: 100_000,
    maxMessageSizeBytes: 48_000_000,
    ok: 1,
  }
}

function framed(responseTo, code, parts) {
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeInt32LE(HEADER_BYTES + parts.reduce((sum, { length }) => sum + length, 0), 0)
  head.writeInt32LE(responseTo, 8)
  head.writeInt32LE(code, 12)
  return Buffer.concat([head, ...parts])
}
