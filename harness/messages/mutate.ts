import type { Random } from '../random.js'

/** Byte values that change the meaning when used as a length or a type. */
const TELLING = [0, 1, 2, 3, 8, 9, 12, 97, 98, 99, 100, 101, 104, 106, 112, 127, 128, 200, 244, 254, 255]
const LENGTHS = [-1, 0, 1, 2, 7, 8, 9, 255, 65_535, 1 << 20, (1 << 20) + 1, 2 ** 27, 2 ** 31 - 1, -(2 ** 31)]
const MOST_BYTES_MOVED = 32

type Mutation = (random: Random, bytes: Buffer, other: Buffer) => Buffer

const MUTATIONS: readonly Mutation[] = [flip, replace, setLength, cut, repeat, splice, drop, insert]

/** Applies one or a few faults to `bytes`. Some take parts from `other`, another message. */
export function mutate(random: Random, bytes: Buffer, other: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(bytes)
  for (let faults = 1 + random.below(3); faults > 0 && mutated.length > 0; faults--) {
    mutated = random.pick(MUTATIONS)(random, mutated, other)
  }
  return mutated
}

function flip(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length)
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
  return bytes
}

function replace(random: Random, bytes: Buffer): Buffer {
  bytes[random.below(bytes.length)] = random.pick(TELLING)
  return bytes
}

/** Overwrites a possible length with a wrong value, in either byte order. */
function setLength(random: Random, bytes: Buffer): Buffer {
  if (bytes.length < 4) return bytes
  const at = random.below(bytes.length - 3)
  const length = random.oneIn(2) ? random.pick(LENGTHS) : random.int32()
  if (random.oneIn(8)) bytes.writeInt32BE(length, at)
  else bytes.writeInt32LE(length, at)
  return bytes
}

function cut(random: Random, bytes: Buffer): Buffer {
  return bytes.subarray(0, random.below(bytes.length))
}

function repeat(random: Random, bytes: Buffer): Buffer {
  const [from, to] = part(random, bytes)
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
}

function splice(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const from = random.below(other.length + 1)
  return Buffer.concat([bytes.subarray(0, random.below(bytes.length)), other.subarray(from)])
}

function drop(random: Random, bytes: Buffer): Buffer {
  const [from, to] = part(random, bytes)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
}

function insert(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const at = random.below(bytes.length)
  const [from, to] = part(random, other)
  return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at)])
}

function part(random: Random, bytes: Buffer): [from: number, to: number] {
  const from = random.below(bytes.length + 1)
  return [from, from + random.below(Math.min(MOST_BYTES_MOVED, bytes.length - from) + 1)]
}
