import { writeFileSync } from 'node:fs'
import lockfile from 'proper-lockfile'
import { folder } from './support/folder.mjs'

const { file, remove } = folder()
writeFileSync(file('data'), '')
const release = await lockfile.lock(file('data'), { stale: 5000, update: 1000 })
console.log(await lockfile.check(file('data')))
console.log(await lockfile.lock(file('data')).catch((error) => error.code))
const waiting = lockfile.lock(file('data'), { retries: { retries: 50, minTimeout: 5, maxTimeout: 20 } })
await release()
await (await waiting)()
console.log(await lockfile.check(file('data')))
remove()
