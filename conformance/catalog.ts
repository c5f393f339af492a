import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: string | null
}

/** A small program of ordinary Node use. */
export interface Program {
  /** Path in the folder of programs, such as `fs/rename.mjs`. */
  readonly name: string
  readonly path: string
  /** Expected ending, from the line `// ends: 3` or `// ends: SIGTERM`; status 0 without such a line. */
  readonly ends: Ending
  /** Whether the output is not read at first, from the line `// reader: slow`. */
  readonly slowReader: boolean
}

export const PROGRAMS = fileURLToPath(new URL('../../conformance/programs', import.meta.url))

export const PACKAGES = fileURLToPath(new URL('../../conformance/packages', import.meta.url))

/** Programs that use packages. */
export const PROGRAMS_WITH_PACKAGES = join(PACKAGES, 'programs')

/** Files that programs share: a certificate, modules to import. */
const SUPPORT = 'support'

/** Returns the programs in a folder whose names contain `filter`, sorted by name. */
export function findPrograms(folder: string, filter: string): Program[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]js$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: relative(folder, path) }))
    .filter(({ name }) => !name.split(sep).includes(SUPPORT) && name.includes(filter))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ path, name }) => ({ path, name, ...headOf(readFileSync(path, 'utf8')) }))
}

function headOf(source: string): Pick<Program, 'ends' | 'slowReader'> {
  const [, ends = '0'] = /^\/\/ ends: (\w+)$/m.exec(source) ?? []
  return {
    ends: /^\d+$/.test(ends) ? { code: Number(ends), signal: null } : { code: null, signal: ends },
    slowReader: /^\/\/ reader: slow$/m.test(source),
  }
}
