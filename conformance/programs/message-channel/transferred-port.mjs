const outer = new MessageChannel()
const inner = new MessageChannel()
outer.port2.onmessage = ({ data, ports: [port] }) => {
  port.postMessage(`reply to ${data}`)
  outer.port1.close()
}
inner.port1.onmessage = ({ data }) => {
  console.log(data)
  inner.port1.close()
}
outer.port1.postMessage('hello', [inner.port2])
