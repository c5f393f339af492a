import { createServer } from 'node:net'
import { listen } from './http.mjs'

const [PRODUCE, METADATA, API_VERSIONS] = [0, 3, 18]
const TOPIC = 'events'

/**
Minimal Kafka broker that accepts messages in the oldest protocol version. @returns its address, and values sent
twice.
*/
export async function kafkaBroker() {
  const values = []
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const length = 4 + bytes.readInt32BE(0)
        const answer = reply(bytes.subarray(4, length), values, socket.localPort)
        socket.write(Buffer.concat([int32(answer.length + 4), bytes.subarray(8, 12), answer]))
        bytes = bytes.subarray(length)
      }
    })
  })
  const { host } = new URL(await listen(server))
  return { broker: host, twice: () => values.filter((value, index) => values.indexOf(value) !== index) }
}

function reply(request, values, port) {
  const [key, version] = [request.readInt16BE(0), request.readInt16BE(2)]
  if (key === API_VERSIONS) {
    const known = [PRODUCE, METADATA].map((api) => [int16(api), int16(0), int16(0)])
    const own = [int16(API_VERSIONS), int16(0), int16(2)]
    const throttle = version > 0 ? [int32(0)] : []
    return Buffer.concat([int16(0), int32(3), ...known.flat(), ...own, ...throttle])
  }
  if (key === METADATA) {
    const broker = [int32(1), int32(0), string('127.0.0.1'), int32(port)]
    const partition = [int16(0), int32(0), int32(0), int32(1), int32(0), int32(1), int32(0)]
    return Buffer.concat([...broker, int32(1), int16(0), string(TOPIC), int32(1), ...partition])
  }
  if (key !== PRODUCE) throw new Error(`Expected no request of kind ${key}`)
  values.push(...valuesOf(request))
  return Buffer.concat([int32(1), string(TOPIC), int32(1), int32(0), int16(0), Buffer.alloc(8)])
}

/** Values of a request with messages for one partition. */
function valuesOf(request) {
  const client = Math.max(0, request.readInt16BE(8))
  // Header, acknowledgements and timeout, one topic, one partition, and the size of its messages.
  let at = 10 + client + 6 + 4 + 2 + TOPIC.length + 4 + 4 + 4
  const values = []
  while (at < request.length) {
    const end = at + 12 + request.readInt32BE(at + 8)
    const key = at + 18
    const value = key + 4 + Math.max(0, request.readInt32BE(key))
    values.push(request.toString('utf8', value + 4, end))
    at = end
  }
  return values
}

function int16(value) {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const string = (text) => Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)])
