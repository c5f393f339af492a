// package: esbuild
// parent: transforms by its service
// clone: transforms by a process of its own
import assert from 'node:assert/strict'
import { transform, transformSync } from 'esbuild'

const source = 'const a: number = 1; export { a }'
const check = ({ code }) => assert.match(code, /^const a = 1;/)

export const use = async () => check(await transform(source, { loader: 'ts' }))
export const inClone = () => check(transformSync(source, { loader: 'ts' }))
