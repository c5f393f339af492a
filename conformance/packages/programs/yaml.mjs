import { parse, parseDocument, stringify } from 'yaml'

console.log(parse('a: [1, 2]\nb: &x {c: d}\ne: *x\n'))
const document = parseDocument('# kept\na: 1 # too\n')
document.set('b', 2)
console.log(String(document), stringify({ list: [{ deep: true }] }))
