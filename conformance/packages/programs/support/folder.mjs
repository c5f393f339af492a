import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of the program's own; to be removed by its `remove`. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'program-'))
  return { path, file: (name) => join(path, name), remove: () => rmSync(path, { recursive: true }) }
}
