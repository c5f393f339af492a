/** Owner of some bytes: script, play and message. */
export interface Owner {
  /** Seed of the script, 32 bits. */
  readonly script: number
  /** Number of the connection. A script is played to several servers, each time with another number. */
  readonly play: number
}

const RADIX = 36
const SCRIPT_DIGITS = 7
const PLAY_DIGITS = 6
const INDEX_DIGITS = 2

/** Length of a token with its delimiters. */
export const TOKEN_CHARACTERS = SCRIPT_DIGITS + PLAY_DIGITS + INDEX_DIGITS + 4

/** Maximum number of distinguishable messages in a script. */
export const MOST_MESSAGES = RADIX ** INDEX_DIGITS

const TOKEN = /<([0-9a-z]{7})\.([0-9a-z]{6})\.([0-9a-z]{2})>/g
const PATTERN = /\{([0-9a-z]{7})\.([0-9a-z]{2})\}/g
/** Replaces the play's number, so that plays can be compared. */
const ANY_PLAY = '-'.repeat(PLAY_DIGITS)
/** End of a path, whose hash differs between plays. A body of a wrong length can swallow the next request's. */
const PATH_END = new RegExp(`(\\.${ANY_PLAY}\\.[0-9a-z]{2}/\\d+/\\d+/)[0-9a-f]{1,8}`, 'g')

/** Text that an answer to message `index` repeats. */
export function tokenOf(owner: Owner, index: number): string {
  return `<${scriptCode(owner)}.${playCode(owner)}.${indexCode(index)}>`
}

/** Text that the body of message `index` repeats. It is the same in each play, and so is its hash. */
export function patternOf(owner: Owner, index: number): string {
  return `{${scriptCode(owner)}.${indexCode(index)}}`
}

/** Text of `size` characters that repeats `mark`. */
export function filled(mark: string, size: number): string {
  return mark.repeat(size / mark.length).padEnd(size, '.')
}

/** Removes from `text` everything that differs between two plays of a script. */
export function unplayed(text: string, owner: Owner): string {
  return text.replaceAll(`.${playCode(owner)}.`, `.${ANY_PLAY}.`).replace(PATH_END, '$1')
}

/**
Returns the first mark of another client in received text, or `undefined`.

@param isOdd whether the client's own body, which may be echoed, was altered.
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

/** Indexes of the messages whose marks appear in a text. */
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
