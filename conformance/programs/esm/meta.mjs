import { basename } from 'node:path'

console.log(basename(import.meta.filename), basename(import.meta.dirname))
console.log(import.meta.resolve('./sibling.mjs').slice(-16), import.meta.resolve('node:fs'))
console.log(import.meta.url.endsWith('/esm/meta.mjs'), typeof require, this)
