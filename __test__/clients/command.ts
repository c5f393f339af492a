import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Where Debian keeps what an ordinary user seldom calls. */
const MORE_FOLDERS = ['/usr/sbin', '/sbin']

/** The path of a command; undefined where it is not installed. */
export function findCommand(...names: string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':').filter(Boolean), ...MORE_FOLDERS]
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
