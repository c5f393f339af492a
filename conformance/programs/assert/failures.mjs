import assert, { AssertionError, strict } from 'node:assert'

const tell = (act) => {
  try {
    act()
    console.log('held')
  } catch (error) {
    console.log(error instanceof AssertionError, error.code, error.operator, error.generatedMessage)
  }
}
tell(() => assert.deepStrictEqual({ a: [1, new Map([[1, 2]])] }, { a: [1, new Map([[1, 2]])] }))
tell(() => assert.deepStrictEqual([1, 2, 3], [1, 2, 4]))
tell(() => strict.equal(1, '1', 'said why'))
tell(() => assert.throws(() => JSON.parse('{'), SyntaxError))
tell(() => assert.match('abc', /x/))
await assert.rejects(Promise.reject(new TypeError('t')), { name: 'TypeError', message: 't' })
console.log('rejected as it should')
