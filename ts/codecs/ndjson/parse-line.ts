import { isUtf8 } from 'node:buffer'
import { type Message, ProtocolError } from '../codec.js'

/** The key that JSON may have as any other, and that a copy would take for the prototype, however it is written. */
const PROTO =
  /"(?:_|\\u005[fF]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[fF])(?:t|\\u0074)(?:o|\\u006[fF])(?:_|\\u005[fF]){2}"\s*:/

/** @throws {ProtocolError} when a line is no message. */
export function parseLine(line: Buffer): Message {
  const message = parse(line)
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new ProtocolError('A line is no object')
  }
  const { query, update, id, ...others } = message as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) throw new ProtocolError(`A line has a key of no meaning: ${JSON.stringify(other)}`)
  const [isQuery, isUpdate, hasId] = ['query', 'update', 'id'].map((key) => Object.hasOwn(message, key))
  if (isQuery === isUpdate) throw new ProtocolError('A line is either a query or an update')
  if (isQuery)
    return hasId ? ({ kind: 'query', value: query, id } as Message) : { kind: 'query', value: query }
  if (hasId) throw new ProtocolError('An update has no id')
  return { kind: 'update', value: update }
}

function parse(line: Buffer): unknown {
  if (!isUtf8(line)) throw new ProtocolError('A line is not UTF-8')
  const text = line.toString()
  if (PROTO.test(text)) throw new ProtocolError('A line has a key of __proto__')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ProtocolError(`A line is no JSON: ${(error as Error).message}`)
  }
}
