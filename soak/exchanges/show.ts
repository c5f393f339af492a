import type { Outcome } from './judge.js'
import type { Part } from './reader.js'
import type { Script, Step } from './script.js'

const MOST_CHARACTERS = 300
const MOST_STEPS = 60

/** Formats an outcome on one line. */
export function describeOutcome({ parts, end }: Outcome): string {
  return `[${shortened(parts.map(describePart)).join(' ')}] ${end}`
}

const MOST_PARTS = 12

function shortened(parts: readonly string[]): readonly string[] {
  return parts.length <= MOST_PARTS
    ? parts
    : [`(${parts.length - MOST_PARTS} more)`, ...parts.slice(-MOST_PARTS)]
}

function describePart({ status, head, body, isWhole }: Part): string {
  const closes = /^connection: close\r$/im.test(head) ? 'c' : ''
  const told = (head.match(/^HTTP\/1\.1 1\d\d/gm) ?? []).length
  return `${status || ''}${closes}${'+'.repeat(told)}(${body.length}${isWhole ? '' : ', cut'})`
}

/** Classifies a difference independently of its script. */
export function sortOfDifference(a: Outcome, b: Outcome): string {
  const at = Math.max(a.parts.length, b.parts.length)
  for (let i = 0; i < at; i++) {
    const [one, other] = [a.parts[i], b.parts[i]]
    if (!one || !other)
      return `${one ? `${sortOf(one)} more` : `${sortOf(other as Part)} missing`}, ${a.end}, not ${b.end}`
    if (one.head !== other.head || one.body !== other.body || one.isWhole !== other.isWhole) {
      return `${sortOf(one)}, not ${sortOf(other)}, ${a.end}, not ${b.end}`
    }
  }
  return `${a.end}, not ${b.end}`
}

function sortOf({ status, head, isWhole }: Part): string {
  return `${status || 'an answer'}${/^connection: close\r$/im.test(head) ? ' that closes' : ''}${isWhole ? '' : ', cut'}`
}

/** Describes the first difference of two outcomes. */
export function firstDifference(a: Outcome, b: Outcome): string {
  for (let i = 0; i < Math.max(a.parts.length, b.parts.length); i++) {
    const [one, other] = [a.parts[i], b.parts[i]]
    if (!one || !other)
      return `answer ${i} is ${one ? 'there' : 'not there'}: ${shortOf((one ?? other) as Part)}`
    if (one.head !== other.head) return `head ${i}: ${quoted(one.head)}, not ${quoted(other.head)}`
    if (one.body !== other.body) return `body ${i}: ${quoted(one.body)}, not ${quoted(other.body)}`
    if (one.isWhole !== other.isWhole) return `answer ${i} is ${one.isWhole ? '' : 'not '}complete`
  }
  return `the end: ${a.end}, not ${b.end}`
}

function shortOf({ head, body }: Part): string {
  return quoted(head + body)
}

function quoted(text: string): string {
  return JSON.stringify(text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text)
}

/** Prints a script and its outcome on both sides. */
export function showPlay(script: Script, cloned: Outcome, plain: Outcome): void {
  const { kind, door, ending, isOdd, sent, steps, bytes } = script
  console.log(`${kind} to ${door.name}, ending: ${ending}${isOdd ? ', odd' : ''}`)
  for (const [index, { ask, method, version, bodyBytes, expects }] of sent.entries()) {
    const by = ask.byParent ? ' by the parent' : ''
    const body = bodyBytes > 0 ? `, body ${bodyBytes}` : ''
    console.log(
      `  ${index}: ${method} ${version} ${ask.act}${by}, ${ask.size} bytes, ${ask.wait} ms${body}${expects ? ', expects' : ''}`,
    )
  }
  if (steps.length > MOST_STEPS) console.log(`    (${steps.length - MOST_STEPS} steps)`)
  for (const step of steps.slice(-MOST_STEPS)) console.log(`    ${describeStep(step, bytes)}`)
  for (const [name, outcome] of Object.entries({ cloned, plain })) {
    console.log(`${name}: ${describeOutcome(outcome)}`)
    for (const [i, { head, body }] of outcome.parts.entries())
      console.log(`  ${i}: ${quoted(head)} ${quoted(body)}`)
  }
}

function describeStep(step: Step, bytes: Buffer): string {
  if (step.do !== 'write') return Object.values(step).join(' ')
  const text = bytes.toString('latin1', step.from, step.to)
  return `write ${step.to - step.from} ${text.length > 160 ? `${JSON.stringify(text.slice(0, 80))} … ${JSON.stringify(text.slice(-80))}` : JSON.stringify(text)}`
}
