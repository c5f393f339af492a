import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const { stdout } = spawn('seq', ['1', '5'])
let sum = 0
for await (const line of createInterface({ input: stdout })) sum += Number(line)
console.log(sum)
