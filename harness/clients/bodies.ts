import { createHash } from 'node:crypto'
import { blocks, DOWNLOAD_BYTES, GREETING } from '../apps/content.js'
import { inWords } from './seen.js'

/** Body to upload. */
export interface Body {
  /** Name that states its size. */
  readonly name: string
  readonly bytes: Buffer
  /** Expected answer. */
  readonly answer: string
}

/** Bytes of a body that are buffered before the fork. A longer body closes the connection. */
export const COLLECTED_BYTES = 2 ** 20

/** Empty, less than a packet, more than a pipe or a read holds, and more than the buffers of a connection hold. */
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
