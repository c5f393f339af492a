console.table([
  { a: 1, b: 'x' },
  { a: 2, b: 'y' },
])
console.group('group')
console.info('indented', { deep: { deeper: { deepest: {} } } })
console.groupEnd()
console.dir({ list: [1, 2] }, { depth: 0 })
console.count()
console.count('named')
console.countReset()
console.count()
console.assert(true, 'silent')
console.log('%c styled %s', 'color: red', 'text', [1, ...new Array(1), 3], null, undefined, -0)
