import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

const read = (name) => readFileSync(new URL(`../support/${name}`, import.meta.url))
const certificate = new X509Certificate(read('cert.pem'))
const key = createPrivateKey(read('key.pem'))
console.log(certificate.subject, certificate.subjectAltName, certificate.validTo)
console.log(
  certificate.checkHost('localhost'),
  certificate.checkPrivateKey(key),
  certificate.verify(certificate.publicKey),
)
console.log(createPublicKey(key).export({ format: 'jwk' }).crv, key.asymmetricKeyType)
