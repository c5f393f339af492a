const signal = AbortSignal.timeout(5)
signal.onabort = () => console.log(signal.reason.name, signal.reason.code)
// Such a signal does not keep the event loop going by itself.
const wait = setInterval(() => signal.aborted && clearInterval(wait), 1)
console.log(signal.aborted)
