const names = [
  'dgram',
  'http2',
  'inspector/promises',
  'punycode',
  'repl',
  'sys',
  'trace_events',
  'tty',
  'v8',
  'wasi',
]
process.removeAllListeners('warning')
for (const name of names.filter((name) => !['punycode', 'sys', 'wasi'].includes(name))) {
  console.log(name, typeof (await import(`node:${name}`)).default)
}
