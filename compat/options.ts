import { readCommandLine, readNumber } from '../harness/args.js'

export interface Options {
  /** Packages to try; all when empty. */
  readonly only: readonly string[]
  /** Path of a program to try as is, instead of the programs for packages. */
  readonly program: string | undefined
  readonly list: boolean
  readonly forks: number
  readonly jobs: number
  readonly deadlineMs: number
  readonly write: boolean
  readonly verbose: boolean
}

const USAGE = `Usage: npm run packages -- [options]

Installs the packages that servers use most into .cache/compat, and tries each in a process of its own: imports it,
uses it, and makes clones while it goes on being used. Prints whether it works beside clones. Ends with status 1 when
one fails.

  --only NAME   only this package; may be given more than once
  --program P   only the program in this file, with nothing installed; prints the outcome as JSON
  --list        print the rows of the table, and try nothing
  --forks N     clones of each, 1 to 10000 (default 20)
  --jobs N      packages at a time, 1 to 64 (default 2)
  --deadline S  seconds until a trial counts as hung, 1 to 3600 (default 120)
  --write       write what was seen to compat/results.json and into the table of docs/fork-safety.md
  --verbose     print the output of what did not work
  --help        print this
`

/** Reads the command line. Exits with status 2 and an error message if it is invalid, or after printing the help. */
export function readOptions(): Options {
  return readCommandLine(USAGE, FLAGS, (values) => {
    const { only = [], program, list, write, verbose } = values
    const forks = readNumber('forks', values.forks, { fallback: 20, min: 1, max: 10_000 })
    const jobs = readNumber('jobs', values.jobs, { fallback: 2, min: 1, max: 64 })
    const deadline = readNumber('deadline', values.deadline, { fallback: 120, min: 1, max: 3600 })
    return { only, program, list, forks, jobs, write, verbose, deadlineMs: 1000 * deadline }
  })
}

const FLAGS = {
  only: { type: 'string', multiple: true },
  program: { type: 'string' },
  list: { type: 'boolean', default: false },
  forks: { type: 'string' },
  jobs: { type: 'string' },
  deadline: { type: 'string' },
  write: { type: 'boolean', default: false },
  verbose: { type: 'boolean', default: false },
} as const
