import type { Conversation } from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { compress } from '#dist/codecs/kdb/compress.js'
import { Random } from '../random.js'
import { KdbValues } from './kdb-values.js'
import { mutate } from './mutate.js'
import { Sink } from './sink.js'
import type { Sample, Subject } from './subject.js'

const HEAD_BYTES = 8
const MAX_MESSAGE_BYTES = 1 << 20
const DEEPEST = 2000
const GREETING = Buffer.from('user:password\x03\0')

const codec = kdb({ maxMessageBytes: MAX_MESSAGE_BYTES })
const sink = new Sink()

/** Messages of kdb+. */
export const kdbSubject: Subject = {
  name: 'kdb',
  open(): Conversation {
    const conversation = codec.open()
    conversation.receive(GREETING)
    return conversation
  },
  sample(random: Random): Sample {
    const choice = random.below(64)
    if (choice === 0) return bomb(random)
    if (choice === 1) return { bytes: deep(random), isValid: false }
    const valid = choice === 2 ? packed(random) : message(random)
    if (choice < 24) return { bytes: valid, isValid: true }
    const bytes = mutate(random, valid, random.pick(OTHERS))
    if (choice < 56) mend(bytes)
    return { bytes, isValid: false }
  },
}

/** Valid message. */
function message(random: Random): Buffer {
  head(random)
  const values = new KdbValues(random, sink)
  if (random.oneIn(64)) values.error()
  else values.value(random.below(4))
  return finished()
}

function head(random: Random): void {
  sink.clear()
  sink.isLittleEndian = !random.oneIn(4)
  sink.byte(sink.isLittleEndian ? 1 : 0)
  sink.byte(random.below(2))
  sink.byte(0)
  sink.byte(0)
  sink.int32(0)
}

function finished(): Buffer {
  sink.patch32(4, sink.length)
  return sink.copy()
}

/** Compressed message: a repetitive text with occasional changes. */
function packed(random: Random): Buffer {
  head(random)
  const text = `${random.text(8)}x`.repeat(40 + random.below(200)) + random.text(20)
  sink.byte(10)
  sink.byte(0)
  sink.int32(Buffer.byteLength(text))
  sink.text(text)
  const message = finished()
  const bytes = compress(message)
  if (!bytes) return message
  writeLength(bytes, 4, bytes.length)
  writeLength(bytes, HEAD_BYTES, message.length)
  return Buffer.from(bytes)
}

/** Message that claims to be far longer when uncompressed, with a few references. */
function bomb(random: Random): Sample {
  const body = Buffer.alloc(1 + random.below(200), random.pick([0x00, 0xff, 0x01, 0xfe]))
  for (let i = 0; i < body.length; i += 1 + random.below(4)) body[i] = random.uint32()
  const bytes = Buffer.concat([Buffer.of(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), body])
  bytes.writeInt32LE(bytes.length, 4)
  const lengths = [MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1, 2 ** 31 - 1, -1, 9, 100 * body.length]
  bytes.writeInt32LE(random.oneIn(2) ? random.pick(lengths) : random.below(100 * body.length), HEAD_BYTES)
  return { bytes, isValid: false }
}

/** Deeply nested value: lists, projections, derived functions, dicts, tables. */
function deep(random: Random): Buffer {
  const level = random.pick(LEVELS)
  const body = Buffer.concat([
    ...Array.from({ length: 1 + random.below(DEEPEST) }, () => level),
    Buffer.of(0xff, 1),
  ])
  const bytes = Buffer.concat([Buffer.of(1, 1, 0, 0, 0, 0, 0, 0), body])
  mend(bytes)
  return bytes
}

const LEVELS = [
  '000001000000',
  '6801000000',
  '6901000000',
  '6a',
  '6f',
  '630b00010000006100000001000000',
  '6200630b00010000006100000001000000',
].map((text) => Buffer.from(text, 'hex'))

/** Corrects the length in the head, so that only the body is faulty. */
function mend(bytes: Buffer): void {
  if (bytes.length > HEAD_BYTES) writeLength(bytes, 4, bytes.length)
}

function writeLength(bytes: Buffer, at: number, length: number): void {
  if (bytes[0] === 0) bytes.writeInt32BE(length, at)
  else bytes.writeInt32LE(length, at)
}

/** Messages to take parts from. They are always the same, so that a number alone reproduces a sample. */
const OTHERS = Array.from({ length: 64 }, (_, index) => {
  const random = new Random(0, index)
  return message(random)
})
