import { ProtocolError } from '../codec.js'
import { parse } from './parse.js'

/** Kind and id of a line, from its outermost level. */
export interface Outline {
  readonly kind: 'query' | 'update'
  /** Id that the client has given its query, if any. */
  readonly id: unknown
}

/** Bounds of a value. */
export interface ValueBounds {
  /** Maximum nesting of arrays and objects. */
  readonly maxDepth: number
  /** Maximum number of items of all arrays and objects together. */
  readonly maxItems: number
  /** The same as `maxItems`, for an update. */
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

/** Maximum length of a key: longer than any known key, even one written in escapes. */
const MOST_KEY_BYTES = 64
/** Maximum length of an id, which the parent parses. */
const MOST_ID_BYTES = 1024
/** Number of items that an array or object counts for, besides its own items. An empty one takes memory too. */
const COMPOSITE_ITEMS = 4

/**
Finds the kind of a line and its id. Steps over the value without parsing it, so a line that passes can still be invalid
JSON. A line that is refused is not JSON, or not a message.

@throws {ProtocolError} if the line is not a message, or its value exceeds the bounds.
*/
export function outlineOf(line: Buffer, bounds: ValueBounds): Outline {
  const values = valuesOf(line, bounds)
  const [query, update, id] = ['query', 'update', 'id'].map((key) => values.get(key))
  if ((query === undefined) === (update === undefined)) {
    throw new ProtocolError('A line must be either a query or an update')
  }
  if (id === undefined) return { kind: query ? 'query' : 'update', id }
  if (update) throw new ProtocolError('An update must not have an id')
  if (id.length > MOST_ID_BYTES)
    throw new ProtocolError(`An id of more than ${MOST_ID_BYTES} bytes is too long`)
  return { kind: 'query', id: parse(id) }
}

/** Returns the bytes of each value of the outermost object, by key. */
function valuesOf(line: Buffer, bounds: ValueBounds): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  let at = afterSpace(line, 0)
  if (line[at] !== OPENING_BRACE) throw new ProtocolError('A line is not a JSON object')
  at = afterSpace(line, at + 1)
  while (line[at] !== CLOSING_BRACE || values.size > 0) {
    if (line[at] !== QUOTE) throw new ProtocolError('A line is not JSON: it lacks a key')
    const colonAt = afterSpace(line, endOfString(line, at + 1) + 1)
    if (line[colonAt] !== COLON) throw new ProtocolError('A line is not JSON: it lacks a colon')
    const key = keyOf(line.subarray(at, colonAt))
    if (values.has(key)) throw new ProtocolError(`A line has the key ${JSON.stringify(key)} twice`)
    at = endOfValue(line, colonAt + 1, bounds, key === 'update' ? 'maxUpdateItems' : 'maxItems')
    values.set(key, line.subarray(colonAt + 1, at))
    if (line[at] === CLOSING_BRACE) break
    if (line[at] !== COMMA) throw new ProtocolError('A line is not JSON: its brackets do not match')
    at = afterSpace(line, at + 1)
  }
  if (afterSpace(line, at + 1) < line.length) {
    throw new ProtocolError('A line is not JSON: it continues after its object')
  }
  return values
}

function keyOf(text: Buffer): string {
  const key = text.length > MOST_KEY_BYTES ? undefined : parse(text)
  if (key === 'query' || key === 'update' || key === 'id') return key
  throw new ProtocolError(`A line has an unknown key: ${JSON.stringify(key)}`)
}

/** Returns the end of the value that begins at `from`: a comma or a closing bracket. */
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
  throw new ProtocolError('A line is not JSON: it ends too early')
}

/** Returns the closing quote of the string whose content begins at `from`. */
function endOfString(line: Buffer, from: number): number {
  let at = from
  while (at < line.length && line[at] !== QUOTE) at += line[at] === BACKSLASH ? 2 : 1
  return at
}

/** Returns the first position from `from` on that is not white space. */
function afterSpace(line: Buffer, from: number): number {
  let at = from
  while (line[at] === SPACE || line[at] === TAB || line[at] === CARRIAGE_RETURN || line[at] === LINE_FEED)
    at++
  return at
}
