import type { Program } from './catalog.js'
import type { Outcome } from './ways.js'

/** One thing that is not as it is to be. */
export interface Difference {
  readonly what: string
  readonly expected: string
  readonly got: string
}

/** What is wrong with a program in plain node: then it is no measure for a clone. */
export function judgePlain({ ends }: Program, plain: Outcome): Difference[] {
  const endings = differ('ending', inWords(ends), inWords(plain))
  return [
    ...troubleOf(plain),
    ...endings,
    // It says why.
    ...(endings.length > 0 ? differ('stderr', '', plain.stderr) : []),
    ...(plain.stdout.trim() ? [] : [{ what: 'stdout', expected: 'something', got: plain.stdout }]),
  ]
}

/** In what a clone was unlike plain node. */
export function judgeClone(plain: Outcome, clone: Outcome): Difference[] {
  const [ofPlain, ofClone] = [readStderr(plain), readStderr(clone)]
  return [
    ...troubleOf(clone),
    ...differ('ending', inWords(plain), inWords(clone)),
    ...differ('stdout', plain.stdout, clone.stdout),
    ...differ('stderr', ofPlain.written, ofClone.written),
    ...differ('uncaught error', ofPlain.uncaught, ofClone.uncaught),
  ]
}

function troubleOf({ trouble }: Outcome): Difference[] {
  return trouble.map((got) => ({ what: 'trouble', expected: 'none', got }))
}

function differ(what: string, expected: string, got: string): Difference[] {
  return expected === got ? [] : [{ what, expected, got }]
}

export function inWords({ code, signal }: { code: number | null; signal: string | null }): string {
  return signal ?? (code === null ? 'no ending' : `status ${code}`)
}

interface Stderr {
  /** What the program wrote, or node for it, before an error ended it. */
  written: string
  /** The first line of that error: its name and message. */
  uncaught: string
}

/**
The rule by which stderr is compared. What the program wrote, warnings among it, must be equal to the letter, but
for pids. Of an uncaught error, `Name: message` alone: node prints it with a line of source and a stack, whereas
the parent of a clone is given the error, and its stack has the frames of `run` in it. Left out is what node
prints of its own main module or its own binary: the warning of a top-level await that never settles, and the
native stack of an abort.
*/
function readStderr({ stderr, uncaught }: Outcome): Stderr {
  const text = stderr
    .replace(/^\(node:\d+\)/gm, '(node:PID)')
    .replace(/^Warning: Detected unsettled top-level await at .*?\n *\^\n\s*/ms, '')
    .replace(/^----- Native stack trace -----.*/ms, '')
  const lines = text.split('\n')
  // Node shows an error below three lines: where it was thrown, the source there, and a caret.
  const caret = lines.findLastIndex((line) => /^\s*\^+$/.test(line))
  const shown = caret < 2 ? undefined : lines.slice(caret + 1).find((line) => line !== '')
  const written = shown === undefined ? text : lines.slice(0, caret - 2).join('\n')
  return { written: written.trimEnd(), uncaught: bare(uncaught ?? shown ?? '') }
}

/** Node puts an error without stack frames in brackets, and its own properties behind it. */
function bare(headline: string): string {
  return headline.replace(/^\[(.*)\]( \{)?$/, '$1').replace(/ \{$/, '')
}
