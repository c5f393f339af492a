import type { Program } from './catalog.js'
import type { Outcome } from './ways.js'

/** Difference from the expected result. */
export interface Difference {
  readonly what: string
  readonly expected: string
  readonly got: string
}

/** Returns the faults of a program in plain Node. A program with faults cannot serve as a reference for a clone. */
export function judgePlain({ ends }: Program, plain: Outcome): Difference[] {
  const endings = differ('ending', inWords(ends), inWords(plain))
  return [
    ...troubleOf(plain),
    ...endings,
    // It shows the reason.
    ...(endings.length > 0 ? differ('stderr', '', plain.stderr) : []),
    ...(plain.stdout.trim() ? [] : [{ what: 'stdout', expected: 'something', got: plain.stdout }]),
  ]
}

/** Returns the differences between a clone and plain Node. */
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
  /** Output of the program, or of Node on its behalf, before an error ended it. */
  written: string
  /** First line of that error: its name and message. */
  uncaught: string
}

/**
Prepares stderr for comparison. The program's output, including warnings, must be identical except for pids. For an
uncaught error, only `Name: message` is compared: Node prints a line of source and a stack, whereas the parent of a
clone receives the error, and its stack contains the frames of `run`. Output of Node about its own main module or
binary is left out: the warning about a top-level await that never settles, and the native stack of an abort.
*/
function readStderr({ stderr, uncaught }: Outcome): Stderr {
  const text = stderr
    .replace(/^\(node:\d+\)/gm, '(node:PID)')
    .replace(/^Warning: Detected unsettled top-level await at .*?\n *\^\n\s*/ms, '')
    .replace(/^----- Native stack trace -----.*/ms, '')
  const lines = text.split('\n')
  // Node prints three lines above an error: where it was thrown, the source there, and a caret.
  const caret = lines.findLastIndex((line) => /^\s*\^+$/.test(line))
  const shown = caret < 2 ? undefined : lines.slice(caret + 1).find((line) => line !== '')
  const written = shown === undefined ? text : lines.slice(0, caret - 2).join('\n')
  return { written: written.trimEnd(), uncaught: bare(uncaught ?? shown ?? '') }
}

/** Node prints an error without stack frames in brackets, followed by the error's own properties. */
function bare(headline: string): string {
  return headline.replace(/^\[(.*)\]( \{)?$/, '$1').replace(/ \{$/, '')
}
