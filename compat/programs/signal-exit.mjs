// package: signal-exit
// parent: has a file removed at its exit
// clone: exits
import assert from 'node:assert/strict'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onExit } from 'signal-exit'
import { folder } from './lib/services.mjs'

const path = join(folder(), 'kept')
writeFileSync(path, '')
onExit(() => rmSync(path))

export const use = () => onExit(() => {})()
export const inClone = use
export const after = () => assert.ok(existsSync(path), 'a clone has removed the file')
