const { port1, port2 } = new MessageChannel()
port1.onmessage = ({ data }) => {
  console.log(data)
  port1.unref()
}
port2.postMessage('nobody waits for another')
process.on('exit', () => console.log('exit'))
