import { Duplex, finished } from 'node:stream'

const duplex = Duplex.from(async function* (source) {
  for await (const chunk of source) yield `<${chunk}>`
})
duplex.on('data', (chunk) => console.log(String(chunk)))
finished(duplex, (error) => console.log('finished', error))
duplex.write('a')
duplex.write('b')
duplex.end('c')
