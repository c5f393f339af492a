import { EventEmitter, once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

class Queue extends EventEmitter {
  #running = 0
  #waiting = []
  most = 0
  add(job) {
    this.#waiting.push(job)
    this.#next()
  }
  async #next() {
    if (this.#running === 3 || this.#waiting.length === 0) return
    this.most = Math.max(this.most, ++this.#running)
    await this.#waiting.shift()()
    if (--this.#running === 0 && this.#waiting.length === 0) this.emit('idle')
    else this.#next()
  }
}
const queue = new Queue()
let done = 0
for (let i = 0; i < 10; i++) queue.add(() => setTimeout(i % 3).then(() => done++))
await once(queue, 'idle')
console.log(done, 'done,', queue.most, 'at once')
