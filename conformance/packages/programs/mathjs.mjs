import { all, create } from 'mathjs'

const math = create(all, { number: 'BigNumber' })
console.log(
  String(math.evaluate('sqrt(2) * 3 + det([1, 2; 3, 4])')),
  math.evaluate('2 inch to cm').toString(),
)
console.log(String(math.derivative('x^2 + x', 'x')))
