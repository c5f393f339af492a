import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

const sort = spawn('sort', ['-r'])
const [exited, closed, sorted] = [once(sort, 'exit'), once(sort, 'close'), text(sort.stdout)]
for (const word of ['b', 'c', 'a']) sort.stdin.write(`${word}\n`)
sort.stdin.end()
console.log(JSON.stringify(await sorted), await exited, await closed)
