import { ProtocolError } from '../codec.js'
import { parse } from './parse.js'

/** What a line says of itself on its outermost level. */
export interface Outline {
  readonly kind: 'query' | 'update'
  /** By what the client knows its query; undefined when by nothing. */
  readonly id: unknown
}

/** How much a value can hold. */
export interface ValueBounds {
  /** How deep arrays and objects can be within each other. */
  readonly maxDepth: number
  /** How many items all arrays and objects have together. */
  readonly maxItems: number
  /** As `maxItems`, of an update. */
  readonly maxUpdateItems: number
}

const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Longer than a key of meaning is, even when it is written in escapes. */
const MOST_KEY_BYTES = 64
/** The parent parses it. */
const MOST_ID_BYTES = 1024
/** Items that an array or object counts for, besides its own: an empty one takes memory too. */
const COMPOSITE_ITEMS = 4

/**
Finds the kind of a line and its id. It steps over the value without parsing it, so what it passes can still be no JSON;
what it refuses is none, or no message.

@throws {ProtocolError} when the line is no message, or its value is beyond the bounds.
*/
export function outlineOf(line: Buffer, bounds: ValueBounds): Outline {
  const values = valuesOf(line, bounds)
  const [query, update, id] = ['query', 'update', 'id'].map((key) => values.get(key))
  if ((query === undefined) === (update === undefined)) {
    throw new ProtocolError('A line is either a query or an update')
  }
  if (id === undefined) return { kind: query ? 'query' : 'update', id }
  if (update) throw new ProtocolError('An update has no id')
  if (id.length > MOST_ID_BYTES)
    throw new ProtocolError(`An id of more than ${MOST_ID_BYTES} bytes is too long`)
  return { kind: 'query', id: parse(id) }
}

/** The bytes of each value of the outermost object, by key. */
function valuesOf(line: Buffer, bounds: ValueBounds): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  let at = afterSpace(line, 0)
  if (line[at] !== OPENING_BRACE) throw new ProtocolError('A line is no JSON object')
  at = afterSpace(line, at + 1)
  while (line[at] !== CLOSING_BRACE || values.size > 0) {
    if (line[at] !== QUOTE) throw new ProtocolError('A line is no JSON: it lacks a key')
    const colonAt = afterSpace(line, endOfString(line, at + 1) + 1)
    if (line[colonAt] !== COLON) throw new ProtocolError('A line is no JSON: it lacks a colon')
    const key = keyOf(line.subarray(at, colonAt))
    if (values.has(key)) throw new ProtocolError(`A line has two of the key ${JSON.stringify(key)}`)
    at = endOfValue(line, colonAt + 1, bounds, key === 'update' ? 'maxUpdateItems' : 'maxItems')
    values.set(key, line.subarray(colonAt + 1, at))
    if (line[at] === CLOSING_BRACE) break
    if (line[at] !== COMMA) throw new ProtocolError('A line is no JSON: its brackets do not match')
    at = afterSpace(line, at + 1)
  }
  if (afterSpace(line, at + 1) < line.length) {
    throw new ProtocolError('A line is no JSON: it goes on behind its object')
  }
  return values
}

function keyOf(text: Buffer): string {
  const key = text.length > MOST_KEY_BYTES ? undefined : parse(text)
  if (key === 'query' || key === 'update' || key === 'id') return key
  throw new ProtocolError(`A line has a key of no meaning: ${JSON.stringify(key)}`)
}

/** Where the value that begins at `from` ends: at a comma or a closing bracket. */
function endOfValue(
  line: Buffer,
  from: number,
  bounds: ValueBounds,
  itemsBy: 'maxItems' | 'maxUpdateItems',
): number {
  const { maxDepth } = bounds
  const maxItems = bounds[itemsBy]
  let depth = 0
  let items = 1
  for (let at = from; at < line.length; at++) {
    if (items > maxItems) throw new ProtocolError(`A line has too many items: \`${itemsBy}\` is ${maxItems}`)
    switch (line[at]) {
      case QUOTE:
        at = endOfString(line, at + 1)
        break
      case OPENING_BRACKET:
      case OPENING_BRACE:
        if (++depth > maxDepth)
          throw new ProtocolError(`A line is nested too deep: \`maxDepth\` is ${maxDepth}`)
        items += COMPOSITE_ITEMS
        break
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        if (--depth < 0) return at
        break
      case COMMA:
        if (depth === 0) return at
        if (++items > maxItems)
          throw new ProtocolError(`A line has too many items: \`${itemsBy}\` is ${maxItems}`)
    }
  }
  throw new ProtocolError('A line is no JSON: it ends too early')
}

/** Where the string whose inside begins at `from` has its closing quote. */
function endOfString(line: Buffer, from: number): number {
  let at = from
  while (at < line.length && line[at] !== QUOTE) at += line[at] === BACKSLASH ? 2 : 1
  return at
}

/** Where white space that begins at `from`, if any does, is over. */
function afterSpace(line: Buffer, from: number): number {
  let at = from
  while (line[at] === SPACE || line[at] === TAB || line[at] === CARRIAGE_RETURN || line[at] === LINE_FEED)
    at++
  return at
}
