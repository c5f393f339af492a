import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'abort-'))
const file = join(folder, 'big')
writeFileSync(file, Buffer.alloc(2_000_000))
const controller = new AbortController()
const reading = readFile(file, { signal: controller.signal })
controller.abort(new Error('no longer wanted'))
await reading.catch((error) => console.log(error.name, error.code, error.cause?.message))
console.log((await readFile(file)).length)
rmSync(folder, { recursive: true })
