import { text } from 'node:stream/consumers'
import { createGunzip, createGzip } from 'node:zlib'
import tar from 'tar-stream'

const pack = tar.pack()
pack.entry({ name: 'a.txt' }, 'first')
pack.entry({ name: 'b/c.txt' }, 'x'.repeat(100_000))
pack.finalize()
const extract = pack.pipe(createGzip()).pipe(createGunzip()).pipe(tar.extract())
for await (const entry of extract) console.log(entry.header.name, (await text(entry)).length)
