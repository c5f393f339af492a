import { isUtf8 } from 'node:buffer'
import { ProtocolError } from '../codec.js'

/** The key that JSON may have as any other, and that a copy would take for the prototype, however it is written. */
const PROTO =
  /"(?:_|\\u005[fF]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[fF])(?:t|\\u0074)(?:o|\\u006[fF])(?:_|\\u005[fF]){2}"\s*:/

/** What JSON says. @throws {ProtocolError} when it is none. */
export function parse(json: Buffer): unknown {
  if (!isUtf8(json)) throw new ProtocolError('A line is not UTF-8')
  const text = json.toString()
  if (PROTO.test(text)) throw new ProtocolError('A line has a key of __proto__')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ProtocolError(`A line is no JSON: ${(error as Error).message}`)
  }
}
