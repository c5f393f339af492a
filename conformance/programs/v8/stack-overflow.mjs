const deeper = (n) => 1 + deeper(n + 1)
try {
  deeper(0)
} catch (error) {
  console.log(error.name, error.message)
}
function where() {
  return new Error('here').stack.split('\n')[1].includes('where')
}
console.log(where())
Error.stackTraceLimit = 1
console.log(new Error('short').stack.split('\n').length)
