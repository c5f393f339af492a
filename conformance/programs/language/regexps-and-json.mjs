const { groups } = /(?<year>\d{4})-(?<month>\d\d)/u.exec('on 2024-05-06')
console.log(
  { ...groups },
  'aBc'.replace(/b/i, (x) => `<${x}>`),
  'x'.padStart(3, '-'),
  'a-b-c'.replaceAll('-', '+'),
)
console.log(/(?<=\$)\d+/.exec('costs $42')[0], /^(a+)+$/.test('aaaaaaaaaaaaaaaa'), /\p{Lu}/u.test('É'))
console.log(
  JSON.stringify({ a: [1, { b: undefined }], c: new Map() }, null, 1),
  JSON.parse('[1,"2"]', (_, v) => v),
)
