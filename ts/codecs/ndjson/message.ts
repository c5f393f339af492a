import { calledInClones } from '../../clone-context/ahead.js'
import { LazyMessage } from '../lazy.js'
import type { Outline } from './outline.js'
import { parse } from './parse.js'

/** A line of which only the outline has been read. */
export class NdjsonMessage extends LazyMessage {
  /** By what its client knows it: undefined when by nothing. */
  readonly id: unknown

  constructor({ kind, id }: Outline, line: Buffer) {
    super(kind, line)
    this.id = id
  }

  protected override decode(line: Buffer): unknown {
    return (parse(line) as Record<string, unknown>)[this.kind]
  }
}

calledInClones(parse)
