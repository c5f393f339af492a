import { resolve } from 'node:path'
import { readCommandLine, readNumber } from '../harness/args.js'
import { PROGRAMS, PROGRAMS_WITH_PACKAGES } from './catalog.js'

export interface Options {
  readonly filter: string
  readonly jobs: number
  readonly deadlineMs: number
  readonly programs: string
  /** Whether programs need packages and servers, which are then installed and started. */
  readonly packages: boolean
  readonly list: boolean
  readonly json: boolean
}

const USAGE = `Usage: npm run conformance -- [options]

Runs small programs of ordinary Node use in plain Node, in a clone of a quiet process and in a clone of a busy
one. Each is to print the same and end alike in all three. Ends with status 1 when one does not.

  --filter TEXT    only programs with TEXT in their names
  --jobs N         programs at a time, 1 to 64 (default 2)
  --deadline S     seconds until a process counts as hung, 1 to 600 (default 20)
  --packages       programs that use popular packages, which are installed in conformance/packages; starts a Redis and
                   a PostgreSQL of their own. A busy process has run the program itself before
  --programs PATH  another folder of programs
  --list           print the names of the programs
  --json           print one JSON object on stdout instead of lines
  --help           print this
`

/** Reads the command line. Exits with status 2 and an error message if it is invalid, or after printing the help. */
export function readOptions(): Options {
  return readCommandLine(USAGE, FLAGS, (values) => {
    const { filter, packages, list, json } = values
    const programs = resolve(values.programs ?? (packages ? PROGRAMS_WITH_PACKAGES : PROGRAMS))
    const jobs = readNumber('jobs', values.jobs, { fallback: 2, min: 1, max: 64 })
    const deadline = readNumber('deadline', values.deadline, { fallback: 20, min: 1, max: 600 })
    return { filter, programs, packages, list, json, jobs, deadlineMs: 1000 * deadline }
  })
}

const FLAGS = {
  filter: { type: 'string', default: '' },
  jobs: { type: 'string' },
  deadline: { type: 'string' },
  packages: { type: 'boolean', default: false },
  programs: { type: 'string' },
  list: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const
