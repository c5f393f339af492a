import { join } from 'node:path'
import { PATHS } from '../../harness/apps/h1.js'
import { originOf } from '../../harness/clients/target.js'
import { eachOf, type Finding, outputOf, type Tool } from './tool.js'

/** Part of its report that is used. */
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
/** The clock may pass a second between making and receiving an answer. */
const BY_CHANCE = ['CURRENT_AGE']

/** REDbot: checks a plain answer, and answers to conditional, range and content-coding requests. */
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
