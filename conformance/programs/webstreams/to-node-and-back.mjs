import { Readable, Transform } from 'node:stream'

const web = Readable.toWeb(Readable.from(['a', 'b', 'c']))
const upper = new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) })
for await (const chunk of Readable.fromWeb(web).pipe(upper)) console.log(chunk.toString())
