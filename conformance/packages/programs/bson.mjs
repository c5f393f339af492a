import { BSON, ObjectId } from 'bson'

const ids = Array.from({ length: 1000 }, () => new ObjectId().toHexString())
console.log(new Set(ids).size, ObjectId.isValid(ids[0]))
const bytes = BSON.serialize({ a: [1, 2.5, 'x', null], at: new Date(0), id: new ObjectId('5f'.repeat(12)) })
console.log(bytes.length, BSON.deserialize(bytes))
