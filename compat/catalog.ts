import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A program that uses one package. What it exports is {@link Use}. */
export interface Program {
  /** Its file's name. */
  readonly file: string
  /** The package that it tries; without a line that says so, its file's name. */
  readonly package: string
  /** Its row in the table. */
  readonly row: string
  /** Packages that must be installed besides. */
  readonly with: readonly string[]
  /** What the parent does all the time; undefined when the package is only imported. */
  readonly parent: string | undefined
  /** What each clone does with the package; undefined when nothing. */
  readonly clone: string | undefined
}

/** Exports of a program. */
export interface Use {
  /** One real use. The parent repeats it for as long as clones are made. */
  readonly use?: () => unknown
  /** What the documentation advises to do first in each clone. */
  readonly remedy?: () => unknown
  /** The use that each clone makes of the package. Its value travels to `after`. */
  readonly inClone?: () => unknown
  /** Checks, once all clones have ended, what the package did. Given the values of `inClone`. */
  readonly after?: (values: unknown[]) => unknown
}

export const PROGRAMS = fileURLToPath(new URL('../../compat/programs', import.meta.url))

/** All programs, in the order of the table. */
export function findPrograms(): Program[] {
  return readdirSync(PROGRAMS)
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => readProgram(file, PROGRAMS))
    .sort((a, b) => (sortedBy(a) < sortedBy(b) ? -1 : 1))
}

/** A program by the lines at its head, `// package: NAME` and so on. */
export function readProgram(file: string, folder: string): Program {
  const source = readFileSync(join(folder, file), 'utf8')
  const line = (key: string) => new RegExp(`^// ${key}: (.+)$`, 'm').exec(source)?.[1]
  const name = line('package') ?? basename(file, '.mjs')
  const others = line('with')?.split(' ') ?? []
  const row = line('row') ?? `\`${name}\``
  return { file, package: name, row, with: others, parent: line('parent'), clone: line('clone') }
}

const sortedBy = ({ row }: Program) => row.replace(/[`@]/g, '')
