import { compose, PassThrough } from 'node:stream'

async function* double(source) {
  for await (const chunk of source) yield `${chunk}${chunk}`
}
const both = compose(new PassThrough({ encoding: 'utf8' }), double)
both.end('ab')
for await (const chunk of both) console.log(String(chunk))
