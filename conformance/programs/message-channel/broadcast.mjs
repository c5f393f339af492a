const names = ['a', 'b', 'c']
const channels = names.map(() => new BroadcastChannel('news'))
let left = 2
for (const [i, channel] of channels.entries()) {
  channel.onmessage = ({ data, type }) => {
    console.log(names[i], type, data)
    if (--left === 0) for (const one of channels) one.close()
  }
}
channels[0].postMessage(['to', 'the others'])
