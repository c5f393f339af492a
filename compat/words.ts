/** An error in one short line: its name, and the first line of its message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return inOneLine(String(error))
  // Behind the first line of an assertion's message stands what differs.
  const [message = ''] = error.message.split('\n', 1)
  return inOneLine(`${error.name}: ${message}`)
}

/** Characters of a reason that a table has room for. */
const ROOM = 160

export function inOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > ROOM ? `${line.slice(0, ROOM - 1)}…` : line
}
