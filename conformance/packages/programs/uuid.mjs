import { parse, stringify, v1, v4, v5, v7, validate, version } from 'uuid'

const ids = [v1, v4, v7].flatMap((make) => Array.from({ length: 100 }, () => make()))
console.log(new Set(ids).size, ids.every(validate), [v1(), v4(), v7()].map(version))
console.log(v5('a', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'))
const id = v7()
console.log(stringify(parse(id)) === id, v7() > id)
