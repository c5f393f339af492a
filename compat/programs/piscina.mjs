// package: piscina
// parent: computes in threads
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Piscina } from 'piscina'
import { folder } from './lib/services.mjs'

const filename = join(folder(), 'worker.cjs')
writeFileSync(filename, 'module.exports = ({ a, b }) => a + b')
const pool = new Piscina({ filename, maxThreads: 1 })

export const use = async () => assert.equal(await pool.run({ a: 1, b: 2 }), 3)
