import { readdirSync, readFileSync } from 'node:fs'
import write from 'write-file-atomic'
import { folder } from './support/folder.mjs'

const { path, file, remove } = folder()
await Promise.all(Array.from({ length: 5 }, (_, i) => write(file('data'), `version ${i}`)))
write.sync(file('other'), 'sync')
console.log(readdirSync(path), readFileSync(file('data'), 'utf8'), readFileSync(file('other'), 'utf8'))
remove()
