const { port1, port2 } = new MessageChannel()
port2.onmessage = async ({ data }) => {
  console.log(await data.blob.text(), data.error.name, data.url)
  port1.close()
}
port1.postMessage({
  blob: new Blob(['in a blob']),
  error: new DOMException('m', 'AbortError'),
  url: String(new URL('x:y')),
})
