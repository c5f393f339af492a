import { createInterface } from 'node:readline/promises'
import { PassThrough } from 'node:stream'

const input = new PassThrough()
const output = new PassThrough({ encoding: 'utf8' })
const dialogue = createInterface({ input, output })
setImmediate(() => input.write('qclone\n'))
const name = await dialogue.question('Who? ')
console.log(JSON.stringify(output.read()), `hello ${name}`)
const signal = AbortSignal.timeout(5)
const wait = setInterval(() => {}, 1000)
await dialogue.question('Still there? ', { signal }).catch(({ name }) => console.log(name))
clearInterval(wait)
dialogue.close()
