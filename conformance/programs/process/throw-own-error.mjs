// ends: 1
class HttpError extends Error {
  name = 'HttpError'
  constructor(status, message, options) {
    super(message, options)
    this.status = status
  }
}
console.log('before')
setImmediate(() => {
  throw new HttpError(404, 'no such page', { cause: new Error('of the database') })
})
