import { isatty, ReadStream } from 'node:tty'

console.log(isatty(0), isatty(1), isatty(99))
try {
  new ReadStream(0)
} catch ({ name, code }) {
  console.log(name, code)
}
console.log(process.stdout.columns, process.stdout.getColorDepth)
