// ends: 4
import onExit from 'signal-exit-3'

onExit((code, signal) => console.log('hook', code, signal))
const remove = onExit(() => console.log('removed'))
remove()
console.log('going')
process.exitCode = 4
