import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Program that uses one package. Its exports are {@link Use}. */
export interface Program {
  /** Name of its file. */
  readonly file: string
  /** Package it tries. Default: the file's name. */
  readonly package: string
  /** Its row in the table. */
  readonly row: string
  /** Other packages that must be installed. */
  readonly with: readonly string[]
  /** Continuous activity of the parent; `undefined` if the package is only imported. */
  readonly parent: string | undefined
  /** Activity of each clone; `undefined` if there is none. */
  readonly clone: string | undefined
}

/** Exports of a program. */
export interface Use {
  /** One realistic use. The parent repeats it for as long as clones are made. */
  readonly use?: () => unknown
  /** Called first in each clone, as the documentation advises. */
  readonly remedy?: () => unknown
  /** Called in each clone. Its value is sent to `after`. */
  readonly inClone?: () => unknown
  /** Checks the package's work once all clones have ended. Receives the values of `inClone`. */
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

/** Reads a program with its header lines, `// package: NAME` and so on. */
export function readProgram(file: string, folder: string): Program {
  const source = readFileSync(join(folder, file), 'utf8')
  const line = (key: string) => new RegExp(`^// ${key}: (.+)$`, 'm').exec(source)?.[1]
  const name = line('package') ?? basename(file, '.mjs')
  const others = line('with')?.split(' ') ?? []
  const row = line('row') ?? `\`${name}\``
  return { file, package: name, row, with: others, parent: line('parent'), clone: line('clone') }
}

const sortedBy = ({ row }: Program) => row.replace(/[`@]/g, '')
