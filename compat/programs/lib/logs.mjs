import { readFileSync } from 'node:fs'

/** Messages in a log file with one JSON object per line. `name` is the property that holds the message. */
export function messagesIn(file, name) {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line)[name])
}
