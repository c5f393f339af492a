import { CompactEncrypt, compactDecrypt, generateKeyPair, jwtVerify, SignJWT } from 'jose'

const { publicKey, privateKey } = await generateKeyPair('ES256')
const token = await new SignJWT({ a: 1 })
  .setProtectedHeader({ alg: 'ES256' })
  .setAudience('me')
  .sign(privateKey)
console.log((await jwtVerify(token, publicKey, { audience: 'me' })).payload)
console.log(await jwtVerify(token, publicKey, { audience: 'you' }).catch((error) => error.code))
const key = new Uint8Array(32).fill(7)
const secret = await new CompactEncrypt(Buffer.from('text'))
  .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
  .encrypt(key)
console.log(String(Buffer.from((await compactDecrypt(secret, key)).plaintext)))
