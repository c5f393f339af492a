import { hkdf, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from 'node:crypto'
import { promisify } from 'node:util'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const [a, b, c] = await Promise.all([
  promisify(pbkdf2)('secret', 'salt', 1000, 16, 'sha256'),
  promisify(scrypt)('secret', 'salt', 16),
  promisify(hkdf)('sha256', 'key', 'salt', 'info', 16),
])
console.log(hex(a), hex(b), hex(c))
console.log(
  a.equals(pbkdf2Sync('secret', 'salt', 1000, 16, 'sha256')),
  b.equals(scryptSync('secret', 'salt', 16)),
)
