const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Whether arrays and objects in a line of JSON are nested deeper than `most`. Of what is no JSON it may say either. */
export function isNestedDeeper(line: Uint8Array, most: number): boolean {
  let depth = 0
  for (let at = 0; at < line.length; at++) {
    switch (line[at]) {
      case QUOTE:
        at = endOfString(line, at + 1)
        break
      case OPENING_BRACKET:
      case OPENING_BRACE:
        if (++depth > most) return true
        break
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        depth--
    }
  }
  return false
}

/** Where the string whose inside begins at `from` has its closing quote. */
function endOfString(line: Uint8Array, from: number): number {
  let at = from
  while (at < line.length && line[at] !== QUOTE) at += line[at] === BACKSLASH ? 2 : 1
  return at
}
