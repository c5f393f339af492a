// ends: 1
import { strictEqual } from 'node:assert'

console.log('comparing')
strictEqual(1 + 1, 3)
