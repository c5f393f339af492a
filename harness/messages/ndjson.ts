import type { Conversation } from 'node-qclone'
import { ndjson } from 'node-qclone/ndjson'
import { Random } from '../random.js'
import { mutate } from './mutate.js'
import type { Sample, Subject } from './subject.js'

const MAX_MESSAGE_BYTES = 1 << 12
const DEEPEST = 2000

const codec = ndjson({ maxMessageBytes: MAX_MESSAGE_BYTES })

/** Lines of JSON. */
export const ndjsonSubject: Subject = {
  name: 'ndjson',
  open: (): Conversation => codec.open(),
  sample(random: Random): Sample {
    const choice = random.below(64)
    if (choice === 0) return { bytes: Buffer.from(`${deep(random)}\n`), isValid: false }
    if (choice === 1) return { bytes: Buffer.alloc(random.below(2 * MAX_MESSAGE_BYTES), ' '), isValid: false }
    const valid = Buffer.from(line(random))
    if (choice < 24) return { bytes: valid, isValid: true }
    const bytes = mutate(random, valid, random.pick(OTHERS))
    return { bytes: choice < 56 ? Buffer.concat([bytes, END]) : bytes, isValid: false }
  },
}

const END = Buffer.from('\n')

function line(random: Random): string {
  const text = JSON.stringify(value(random, random.below(4)))
  const id = random.oneIn(2) ? `,"id":${JSON.stringify(value(random, 1))}` : ''
  const message = random.oneIn(4) ? `{"update":${text}}` : `{"query":${text}${id}}`
  return `${message}${random.oneIn(4) ? '\r\n' : '\n'}`
}

function value(random: Random, depth: number): unknown {
  const kind = random.below(depth > 0 ? 8 : 5)
  if (kind === 0) return random.pick([null, true, false, 0, '', [], {}])
  if (kind === 1) return random.int32()
  if (kind === 2) return random.float64()
  if (kind < 5) return random.text(12)
  const items = Array.from({ length: random.below(5) }, () => value(random, depth - 1))
  if (kind < 7) return items
  return Object.fromEntries(items.map((item, i) => [`${random.text(3)}${i}`, item]))
}

function deep(random: Random): string {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[', ''],
    ['{"query":', '}'],
  ] as const)
  const depth = random.below(DEEPEST)
  return `{"query":${open.repeat(depth)}1${close.repeat(depth)}}`
}

/** Messages to take parts from. They are always the same, so that a number alone reproduces a sample. */
const OTHERS = Array.from({ length: 64 }, (_, index) => {
  const random = new Random(0, index)
  return Buffer.from(line(random))
})
