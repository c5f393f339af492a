process.on('uncaughtException', (thrown) => console.log('thrown:', thrown))
const things = [undefined, null, 0, '', 'text', { an: 'object' }, Symbol('s'), [1]]
for (const thing of things) {
  setImmediate(() => {
    throw thing
  })
}
