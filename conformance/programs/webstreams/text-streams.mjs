const encoder = new TextEncoderStream()
const decoded = encoder.readable.pipeThrough(new TextDecoderStream())
const writer = encoder.writable.getWriter()
const write = async () => {
  for (const part of ['Grüße, ', '世界', '!']) await writer.write(part)
  await writer.close()
}
const writing = write()
let text = ''
for await (const part of decoded) text += part
await writing
console.log(text)
