/** Error in one short line: its name, and the first line of its message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return inOneLine(String(error))
  // The further lines of an assertion's message are a diff.
  const [message = ''] = error.message.split('\n', 1)
  return inOneLine(`${error.name}: ${message}`)
}

/** Maximum length of a reason in a table. */
const ROOM = 160

export function inOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > ROOM ? `${line.slice(0, ROOM - 1)}…` : line
}
