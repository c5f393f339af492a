import { StringDecoder } from 'node:string_decoder'

for (const encoding of ['utf8', 'utf16le', 'base64']) {
  const decoder = new StringDecoder(encoding)
  const bytes = Buffer.from('héé🌍€', encoding === 'base64' ? 'utf8' : encoding)
  const parts = Array.from(bytes, (byte) => decoder.write(Buffer.from([byte])))
  console.log(encoding, JSON.stringify(parts.join('|')), JSON.stringify(decoder.end()))
}
const cut = new StringDecoder('utf8')
console.log(cut.write(Buffer.from([0xe2, 0x82])), cut.end() === '\ufffd')
