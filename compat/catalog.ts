import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A program that uses one package. What it exports is {@link Use}. */
export interface Program {
  /** Its file's name. */
  readonly file: string
  /** The package that it tries. */
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
    .map((file) => readProgram(file, readFileSync(join(PROGRAMS, file), 'utf8')))
    .sort((a, b) => (sortedBy(a) < sortedBy(b) ? -1 : 1))
}

function readProgram(file: string, source: string): Program {
  const line = (key: string) => new RegExp(`^// ${key}: (.+)$`, 'm').exec(source)?.[1]
  const name = line('package')
  if (!name) throw new Error(`Expected a line \`// package: NAME\` in ${file}`)
  const others = line('with')?.split(' ') ?? []
  const row = line('row') ?? `\`${name}\``
  return { file, package: name, row, with: others, parent: line('parent'), clone: line('clone') }
}

const sortedBy = ({ row }: Program) => row.replace(/^`@?/, '')
