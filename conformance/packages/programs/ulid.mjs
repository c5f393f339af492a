import { decodeTime, monotonicFactory, ulid } from 'ulid'

const [a, b] = [ulid(1), ulid(2)]
console.log(a < b, decodeTime(a), a.length)
const next = monotonicFactory()
const ids = Array.from({ length: 100 }, () => next(7))
console.log(new Set(ids).size, ids.toSorted().join() === ids.join())
