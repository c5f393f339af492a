import { Packr, pack, unpack } from 'msgpackr'

const value = { a: [1, 2.5, 'x', null], map: new Map([['k', 1n]]), at: new Date(0), bytes: Buffer.from([1]) }
console.log(unpack(pack(value)))
const packr = new Packr({ structures: [] })
console.log(
  packr.unpack(
    packr.pack([
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ]),
  ),
)
