import { EventEmitter, getEventListeners } from 'node:events'

class Door extends EventEmitter {}
const door = new Door()
door.prependListener('open', () => console.log('first'))
door.once('open', (who) => console.log('opened by', who))
door.on('newListener', (name) => console.log('listener for', name))
door.on('close', function () {
  console.log(this === door)
})
console.log(door.emit('open', 'me'), door.emit('open'), door.emit('nothing'))
door.emit('close')
console.log(door.eventNames(), getEventListeners(door, 'open').length)
