import { Session } from 'node:inspector/promises'

const session = new Session()
session.connect()
const { result } = await session.post('Runtime.evaluate', { expression: '[1, 2].map((x) => x * 2).join()' })
console.log(result.value)
await session.post('Profiler.enable')
await session.post('Profiler.start')
for (let i = 0; i < 1e5; i++) Math.sqrt(i)
const { profile } = await session.post('Profiler.stop')
console.log(profile.nodes.length > 0)
session.disconnect()
