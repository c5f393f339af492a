import { createInflate, gunzip, inflateSync } from 'node:zlib'

gunzip(Buffer.from('certainly not gzip'), (error) => {
  console.log(error.code, error.message)
  createInflate()
    .on('error', ({ code }) => console.log(code))
    .end('x')
})
try {
  inflateSync('nor this')
} catch ({ code, errno }) {
  console.log(code, errno)
}
