import { Console } from 'node:console'
import { PassThrough } from 'node:stream'

const stdout = new PassThrough({ encoding: 'utf8' })
const own = new Console({ stdout, inspectOptions: { compact: true, depth: 0 } })
own.log('own', { a: { b: 1 } })
own.error('goes there too')
console.log(JSON.stringify(stdout.read()))
