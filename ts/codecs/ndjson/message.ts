import { Buffer } from 'node:buffer'
import { calledInClones } from '../../in-clone/precompile.js'
import { LazyMessage } from '../lazy-message.js'
import type { Outline } from './outline.js'
import { parse } from './parse.js'

/** Line, with only its outline read so far. */
export class NdjsonMessage extends LazyMessage {
  /** Id that the client has given it, if any. */
  readonly id: unknown

  constructor({ kind, id }: Outline, line: Buffer) {
    super(kind, line)
    this.id = id
  }

  override get raw(): Uint8Array {
    return Buffer.concat([super.raw, LINE_FEED])
  }

  protected override decode(line: Buffer): unknown {
    return (parse(line) as Record<string, unknown>)[this.kind]
  }
}

const LINE_FEED = Buffer.from('\n')

calledInClones(parse)
