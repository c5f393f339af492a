// ends: 1
const target = new EventTarget()
target.addEventListener('x', () => {
  throw new Error('thrown by a listener')
})
target.dispatchEvent(new Event('x'))
console.log('dispatch does not throw')
