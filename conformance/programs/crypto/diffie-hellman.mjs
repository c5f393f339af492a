import { createECDH, diffieHellman, generateKeyPairSync } from 'node:crypto'

const [alice, bob] = [createECDH('prime256v1'), createECDH('prime256v1')]
for (const one of [alice, bob]) one.generateKeys()
console.log(alice.computeSecret(bob.getPublicKey()).equals(bob.computeSecret(alice.getPublicKey())))
const [a, b] = [generateKeyPairSync('x25519'), generateKeyPairSync('x25519')]
const one = diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey })
const other = diffieHellman({ privateKey: b.privateKey, publicKey: a.publicKey })
console.log(one.equals(other), one.length)
