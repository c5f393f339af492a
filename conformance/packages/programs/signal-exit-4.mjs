// ends: 3
import { onExit } from 'signal-exit'

onExit((code, signal) => console.log('hook', code, signal))
onExit((code) => console.log('last', code), { alwaysLast: true })
const remove = onExit(() => console.log('removed'))
remove()
console.log('going')
process.exitCode = 3
