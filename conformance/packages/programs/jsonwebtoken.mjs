import jwt from 'jsonwebtoken'

const token = jwt.sign({ a: 1, iat: 1_700_000_000 }, 'secret', { noTimestamp: false })
console.log(token, jwt.verify(token, 'secret'))
for (const [text, key] of [
  [token, 'other'],
  ['x.y.z', 'secret'],
]) {
  try {
    jwt.verify(text, key)
  } catch (error) {
    console.log(error.name, error.message)
  }
}
