import { getSystemErrorName, MIMEType, parseArgs, toUSVString } from 'node:util'

const { values, positionals } = parseArgs({
  args: ['-v', '--name', 'x', '--tag=a', '--tag=b', 'rest'],
  options: {
    verbose: { type: 'boolean', short: 'v' },
    name: { type: 'string' },
    tag: { type: 'string', multiple: true },
  },
  allowPositionals: true,
})
console.log({ ...values }, positionals)
try {
  parseArgs({ args: ['--unknown'] })
} catch ({ code }) {
  console.log(code)
}
console.log(
  new MIMEType('text/html; charset=utf-8').params.get('charset'),
  getSystemErrorName(-2),
  toUSVString('a\ud800'),
)
