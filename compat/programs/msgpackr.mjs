// package: msgpackr
// parent: packs and unpacks
// clone: packs and unpacks
import assert from 'node:assert/strict'
import { pack, unpack } from 'msgpackr'

const value = { name: 'a', rows: Array.from({ length: 100 }, (_, row) => ({ row, text: `row ${row}` })) }

export const use = () => assert.deepEqual(unpack(pack(value)), value)
export const inClone = use
