const target = new EventTarget()
const controller = new AbortController()
target.addEventListener(
  'ping',
  { handleEvent: ({ type, detail }) => console.log(type, detail) },
  { once: true },
)
target.addEventListener('ping', () => console.log('until aborted'), { signal: controller.signal })
target.addEventListener('stop', (event) => event.preventDefault())
target.dispatchEvent(new CustomEvent('ping', { detail: 1 }))
controller.abort()
console.log(target.dispatchEvent(new CustomEvent('ping', { detail: 2 })))
console.log(target.dispatchEvent(new Event('stop', { cancelable: true })))
