import { atob, Buffer, btoa, constants, isAscii, isUtf8, transcode } from 'node:buffer'

const text = 'Grüße, 世界 🌍'
for (const encoding of ['utf8', 'utf16le', 'latin1', 'base64', 'base64url', 'hex']) {
  const bytes = Buffer.from(text)
  const shown = bytes.toString(encoding)
  console.log(encoding, bytes.length, shown, Buffer.from(shown, encoding).length)
}
console.log(btoa('binary'), atob('YmluYXJ5'), isUtf8(Buffer.from([0xff])), isAscii(Buffer.from('a')))
console.log(transcode(Buffer.from('€'), 'utf8', 'utf16le').toString('hex'), constants.MAX_LENGTH > 2 ** 31)
