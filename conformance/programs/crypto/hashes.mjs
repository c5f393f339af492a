import { createHash, createHmac, getHashes, hash, timingSafeEqual } from 'node:crypto'

for (const name of ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256']) {
  console.log(name, createHash(name).update('conform').digest('hex'))
}
console.log(createHmac('sha256', 'key').update('a').update('b').digest('base64url'))
console.log(hash?.('sha1', 'x') ?? createHash('sha1').update('x').digest('hex'))
console.log(getHashes().includes('sha256'), timingSafeEqual(Buffer.from('ab'), Buffer.from('ab')))
