import { isUtf8 } from 'node:buffer'
import { ProtocolError } from '../codec.js'

/** Key `__proto__` in any spelling. JSON allows it, but copying such an object would set a prototype. */
const PROTO =
  /"(?:_|\\u005[fF]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[fF])(?:t|\\u0074)(?:o|\\u006[fF])(?:_|\\u005[fF]){2}"\s*:/

/** Parses JSON. @throws {ProtocolError} if it is not JSON. */
export function parse(json: Buffer): unknown {
  if (!isUtf8(json)) throw new ProtocolError('A line is not UTF-8')
  const text = json.toString()
  if (PROTO.test(text)) throw new ProtocolError('A line has the key `__proto__`, which is not allowed')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ProtocolError(`A line is not JSON: ${(error as Error).message}`)
  }
}
