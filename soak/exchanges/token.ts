/** Whose some bytes are: of which script, of which of its plays, of which of its messages. */
export interface Owner {
  /** The script's seed, 32 bits. */
  readonly script: number
  /** Each connection has a number of its own: a script is played to several servers. */
  readonly play: number
}

const RADIX = 36
const SCRIPT_DIGITS = 7
const PLAY_DIGITS = 6
const INDEX_DIGITS = 2

/** Of a token, with what encloses and divides it. */
export const TOKEN_CHARACTERS = SCRIPT_DIGITS + PLAY_DIGITS + INDEX_DIGITS + 4

/** How many messages of a script can be told apart. */
export const MOST_MESSAGES = RADIX ** INDEX_DIGITS

const TOKEN = /<([0-9a-z]{7})\.([0-9a-z]{6})\.([0-9a-z]{2})>/g
const PATTERN = /\{([0-9a-z]{7})\.([0-9a-z]{2})\}/g
/** What the play's number is replaced by, so that plays can be compared. */
const ANY_PLAY = '-'.repeat(PLAY_DIGITS)

/** What every byte of an answer to message `index` says, again and again. */
export function tokenOf(owner: Owner, index: number): string {
  return `<${scriptCode(owner)}.${playCode(owner)}.${indexCode(index)}>`
}

/** What the body of message `index` says, again and again: the same in each play, so that its hash is. */
export function patternOf(owner: Owner, index: number): string {
  return `{${scriptCode(owner)}.${indexCode(index)}}`
}

/** Text of `size` characters that says `mark` as often as it has room for. */
export function filled(mark: string, size: number): string {
  return mark.repeat(size / mark.length).padEnd(size, '.')
}

/** `text` without what differs between two plays of a script. */
export function unplayed(text: string, owner: Owner): string {
  return text.replaceAll(`.${playCode(owner)}.`, `.${ANY_PLAY}.`)
}

/**
The first mark in what a client got that is another's; undefined when there is none.

@param isOdd whether its own body, which it may get back, was changed.
*/
export function foreignIn(text: string, owner: Owner, isOdd: boolean): string | undefined {
  const script = scriptCode(owner)
  const play = playCode(owner)
  for (const [mark, ofScript, ofPlay] of text.matchAll(TOKEN)) {
    if (ofScript !== script || ofPlay !== play) return mark
  }
  if (isOdd) return undefined
  for (const [mark, ofScript] of text.matchAll(PATTERN)) {
    if (ofScript !== script) return mark
  }
  return undefined
}

/** Of which messages there are marks in a text. */
export function indexesIn(text: string): Set<number> {
  const all = [...text.matchAll(TOKEN)].map(([, , , index]) => index)
  const patterns = [...text.matchAll(PATTERN)].map(([, , index]) => index)
  return new Set([...all, ...patterns].map((index) => Number.parseInt(index as string, RADIX)))
}

function scriptCode({ script }: Owner): string {
  return script.toString(RADIX).padStart(SCRIPT_DIGITS, '0')
}

function playCode({ play }: Owner): string {
  return play.toString(RADIX).padStart(PLAY_DIGITS, '0')
}

function indexCode(index: number): string {
  return index.toString(RADIX).padStart(INDEX_DIGITS, '0')
}
