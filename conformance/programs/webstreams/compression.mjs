const text = 'compressed and back again. '.repeat(100)
for (const format of ['gzip', 'deflate', 'deflate-raw']) {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream(format))
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer())
  const back = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format))
  console.log(format, bytes.length < text.length, (await new Response(back).text()) === text)
}
