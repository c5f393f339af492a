import { generateKeyPair, privateDecrypt, publicEncrypt } from 'node:crypto'

generateKeyPair('rsa', { modulusLength: 1024 }, (error, publicKey, privateKey) => {
  const secret = publicEncrypt(publicKey, Buffer.from('for one pair of eyes'))
  console.log(error, secret.length, String(privateDecrypt(privateKey, secret)))
})
console.log('meanwhile')
