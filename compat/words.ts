/** An error in one short line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message || error.stack}` : String(error)
  return inOneLine(text)
}

/** Characters of a reason that a table has room for. */
const ROOM = 160

export function inOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > ROOM ? `${line.slice(0, ROOM - 1)}…` : line
}
