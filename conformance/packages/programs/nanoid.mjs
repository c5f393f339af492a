import { customAlphabet, nanoid } from 'nanoid'

const ids = Array.from({ length: 1000 }, () => nanoid())
console.log(
  new Set(ids).size,
  ids.every((id) => /^[\w-]{21}$/.test(id)),
  nanoid(5).length,
)
const digits = customAlphabet('0123456789', 12)
console.log(new Set(Array.from({ length: 100 }, () => digits())).size, /^\d{12}$/.test(digits()))
