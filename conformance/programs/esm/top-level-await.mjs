import { setTimeout } from 'node:timers/promises'

export const value = await setTimeout(5, 'awaited')
console.log(value)
for await (const x of [Promise.resolve(1), 2]) console.log(x)
