import { compress } from '#dist/codecs/kdb/compress.js'

export const MIB = 2 ** 20
const HEAD_BYTES = 8

/** Message of kdb+. Kind 1 is a query, kind 0 an update. */
export function message(kind: 0 | 1, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + body.length)
  bytes.set([1, kind])
  bytes.writeUInt32LE(bytes.length, 4)
  bytes.set(body, HEAD_BYTES)
  return bytes
}

/** Bodies of about `size` bytes. Each is expensive to read in its own way. */
export const SHAPES: Record<string, (size: number) => Buffer> = {
  'empty symbols': (size) => vector(11, 1, size),
  booleans: (size) => vector(1, 1, size),
  dates: (size) => vector(14, 4, size),
  timestamps: (size) => vector(12, 8, size),
  'vectors of one item': (size) => list('01000100000000', size),
  'vectors of no bytes': (size) => list('040000000000', size),
  'dicts of one name': (size) => list('630b00010000000001000100000000', size),
  'empty tables': (size) => list('6200630b0000000000000000000000', size),
  'a dict of names': (size) => names(size),
}

/** Vector of zeros. */
export function vector(type: number, width: number, size: number): Buffer {
  const count = Math.floor((size - 14) / width)
  return counted(type, count, Buffer.alloc(count * width))
}

/** List that repeats one value. */
function list(value: string, size: number): Buffer {
  const bytes = Buffer.from(value, 'hex')
  const count = Math.floor((size - 14) / bytes.length)
  return counted(0, count, Buffer.alloc(count * bytes.length, bytes))
}

/** Dict with as many distinct names as fit. The values are booleans. */
function names(size: number): Buffer {
  const texts: string[] = []
  for (let bytes = 40; bytes < size; bytes += (texts.at(-1) as string).length + 1) {
    texts.push(`${texts.length.toString(36)}\0`)
  }
  const keys = counted(11, texts.length, Buffer.from(texts.join('')))
  return Buffer.concat([Buffer.of(99), keys, counted(1, texts.length, Buffer.alloc(texts.length))])
}

function counted(type: number, count: number, items: Buffer): Buffer {
  const head = Buffer.alloc(6)
  head[0] = type
  head.writeInt32LE(count, 2)
  return Buffer.concat([head, items])
}

export function packed(bytes: Buffer): Buffer {
  const shorter = compress(bytes)
  if (!shorter) throw new Error('Expected the message to compress to less than half')
  return shorter
}

/** JSON texts of about `size` bytes. Each is expensive to read in its own way. */
export const JSON_SHAPES: Record<string, (size: number) => string> = {
  digits: (size) => `[${repeated('1', size)}]`,
  'empty objects': (size) => `[${repeated('{}', size)}]`,
  'arrays in arrays': (size) => `[${repeated('['.repeat(100) + ']'.repeat(100), size)}]`,
  'objects of one key each': (size) => `[${each((i) => `{"${i.toString(36)}":0}`, size)}]`,
  'an object of keys': (size) => `{${each((i) => `"${i.toString(36)}":0`, size)}}`,
  text: (size) => `"${'x'.repeat(size)}"`,
}

function repeated(text: string, size: number): string {
  return Array(Math.floor(size / (text.length + 1)))
    .fill(text)
    .join(',')
}

function each(text: (index: number) => string, size: number): string {
  const texts: string[] = []
  for (let bytes = 0; bytes < size; bytes += (texts.at(-1) as string).length + 1) {
    texts.push(text(texts.length))
  }
  return texts.join(',')
}
