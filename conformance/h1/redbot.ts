import { join } from 'node:path'
import { PATHS } from '../../__test__/apps/h1.js'
import { originOf } from '../../__test__/clients/target.js'
import { eachOf, type Finding, outputOf, type Tool } from './tool.js'

/** What of its report is read. */
interface Report {
  readonly log: {
    readonly entries: ReadonlyArray<{
      readonly _red_messages: ReadonlyArray<{
        readonly note_id: string
        readonly subject: string
        readonly level: string
        readonly summary: string
      }>
      readonly response: {
        readonly status: number
        readonly httpVersion: string
        readonly headers: ReadonlyArray<{ readonly name: string; readonly value: string }>
        readonly content: { readonly size: number }
      }
    }>
  }
}

const AT_ONCE = 2
/** The second in which an answer was made may be over when it comes. */
const BY_CHANCE = ['CURRENT_AGE']

/** REDbot: one answer, and those to conditional requests, to requests for a part and for a coding. */
export function redbot(bin: string): Tool {
  return {
    name: 'REDbot',
    async test(target) {
      const findings = await eachOf(Object.values(PATHS), AT_ONCE, async (path) => {
        const output = await outputOf(join(bin, 'redbot'), ['-o', 'har', `${originOf(target)}${path}`])
        return findingsIn(path, JSON.parse(output) as Report)
      })
      return findings.flat()
    },
  }
}

function findingsIn(path: string, { log }: Report): Finding[] {
  return log.entries.flatMap(({ _red_messages: notes, response }) => {
    const { status, httpVersion, headers, content } = response
    const head = headers.map(({ name, value }) => `${name}:${/^date$/i.test(name) ? ' …' : value}`)
    return [
      { test: path, verdict: `${httpVersion} ${status}, ${content.size} bytes`, detail: head.join('\n') },
      ...notes
        .filter(({ note_id }) => !BY_CHANCE.includes(note_id))
        .map(({ note_id, subject, level, summary }) => {
          return { test: `${path} ${note_id} ${subject}`.trimEnd(), verdict: level, detail: summary }
        }),
    ]
  })
}
