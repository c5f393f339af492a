import { createHash } from 'node:crypto'
import { blocks, DOWNLOAD_BYTES, GREETING } from '../apps/content.js'
import { inWords } from './seen.js'

/** A body to upload. */
export interface Body {
  /** Its size, as a name. */
  readonly name: string
  readonly bytes: Buffer
  /** The answer to it. */
  readonly answer: string
}

/** How much of a body there is before there is a clone: that of a longer one closes the connection. */
export const COLLECTED_BYTES = 2 ** 20

/** None, less than a packet, more than a pipe or a read holds, more than the buffers of a connection hold. */
export const BODIES = {
  none: body('0 B', 0),
  small: body('1 KiB', 2 ** 10),
  medium: body('300 KiB', 300 * 2 ** 10),
  large: body('20 MiB', 20 * 2 ** 20),
}

export const DOWNLOADED = inWords(Buffer.concat([...blocks(DOWNLOAD_BYTES)]))
export const GREETED = inWords(GREETING)

function body(name: string, length: number): Body {
  const bytes = Buffer.concat([...blocks(length)])
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { name, bytes, answer: inWords(JSON.stringify({ bytes: length, sha256 })) }
}
