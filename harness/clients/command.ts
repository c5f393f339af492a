import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Debian's folders for commands that ordinary users seldom call. */
const MORE_FOLDERS = ['/usr/sbin', '/sbin']

/** Path of a command; `undefined` if it is not installed. */
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
