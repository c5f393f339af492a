import { createSign, createVerify, generateKeyPair, generateKeyPairSync, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const message = Buffer.from('signed')
const signature = sign(null, message, privateKey)
console.log(signature.length, verify(null, message, publicKey, signature))
const ec = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
const made = createSign('sha256').update('a').sign(ec.privateKey)
console.log(createVerify('sha256').update('a').verify(ec.publicKey, made))
console.log(createVerify('sha256').update('b').verify(ec.publicKey, made))
