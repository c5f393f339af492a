const bytes = Uint8Array.from(
  Buffer.from('AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=', 'base64'),
)
// Nothing else keeps the event loop going meanwhile.
await WebAssembly.compile(bytes)
console.log('once')
await WebAssembly.compile(bytes)
console.log('twice')
