import { text } from 'node:stream/consumers'

console.log(JSON.stringify(await text(process.stdin)), process.stdin.isTTY)
