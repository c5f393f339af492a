import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'

const deflate = createDeflateRaw()
const inflate = createInflateRaw()
deflate.pipe(inflate)
inflate.setEncoding('utf8').on('data', (text) => console.log(text))
deflate.write('first')
deflate.flush(() => {
  deflate.params(9, constants.Z_DEFAULT_STRATEGY, () => {
    deflate.end('second')
    inflate.on('end', () => console.log('end'))
  })
})
