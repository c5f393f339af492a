import { readFileSync } from 'node:fs'

/** The messages in a log file of one JSON object a line, by the name that they have there. */
export function messagesIn(file, name) {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line)[name])
}
