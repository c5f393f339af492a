import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const [key, iv] = [randomBytes(32), randomBytes(12)]
const cipher = createCipheriv('aes-256-gcm', key, iv)
const secret = Buffer.concat([cipher.update('attack at dawn'), cipher.final()])
const open = (tag) => {
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(tag)
  return decipher.update(secret, undefined, 'utf8') + decipher.final('utf8')
}
console.log(secret.length, open(cipher.getAuthTag()))
try {
  open(Buffer.alloc(16))
} catch (error) {
  console.log(error.message)
}
