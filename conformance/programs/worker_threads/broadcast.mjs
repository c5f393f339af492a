import { BroadcastChannel, Worker } from 'node:worker_threads'

const channel = new BroadcastChannel('program')
const code = `
  const { BroadcastChannel } = require('node:worker_threads')
  const channel = new BroadcastChannel('program')
  channel.onmessage = ({ data }) => {
    channel.postMessage(data.toUpperCase())
    channel.close()
  }
  channel.postMessage('ready')
`
new Worker(code, { eval: true })
channel.onmessage = ({ data }) => {
  console.log(data)
  if (data === 'ready') channel.postMessage('loud')
  else channel.close()
}
