import { rawOf } from './raw.js'
import type { QType } from './types.js'
import type { Writer } from './writer.js'

type Write = (writer: Writer, value: unknown) => void

/** Functions that write one item of a type, as an atom or in a vector. They throw as {@link rawOf} does. */
export const WRITE: Readonly<Record<QType, Write>> = {
  boolean: of8Bits('boolean'),
  guid: (writer, value) => writer.hex(String(rawOf('guid', value)).replaceAll('-', '')),
  byte: of8Bits('byte'),
  short: (writer, value) => writer.int16(Number(rawOf('short', value))),
  int: of32Bits('int'),
  long: of64Bits('long'),
  real: (writer, value) => writer.float32(Number(rawOf('real', value))),
  float: (writer, value) => writer.float64(Number(rawOf('float', value))),
  char: of8Bits('char'),
  symbol: (writer, value) => writer.symbol(String(rawOf('symbol', value))),
  timestamp: of64Bits('timestamp'),
  month: of32Bits('month'),
  date: of32Bits('date'),
  datetime: (writer, value) => writer.float64(Number(rawOf('datetime', value))),
  timespan: of64Bits('timespan'),
  minute: of32Bits('minute'),
  second: of32Bits('second'),
  time: of32Bits('time'),
}

function of8Bits(type: QType): Write {
  return (writer, value) => writer.int8(Number(rawOf(type, value)))
}

function of32Bits(type: QType): Write {
  return (writer, value) => writer.int32(Number(rawOf(type, value)))
}

function of64Bits(type: QType): Write {
  return (writer, value) => writer.int64(rawOf(type, value) as number | bigint)
}
