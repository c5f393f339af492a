import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { type Part, type Reader, readerFor } from './reader.js'
import { connectRobustly } from './robust.js'
import type { Script, Step } from './script.js'
import { otherEnd, Tap, tapPort } from './tap.js'

/**
How a connection ended: the server ended its side (`ended`), it was reset (`reset`), one of the two (`over`), the
client closed it (`left`), or nothing more arrived (`hung`).
*/
export type End = 'ended' | 'reset' | 'over' | 'left' | 'hung'

/** Result of a script. */
export interface Transcript {
  readonly parts: readonly Part[]
  readonly end: End
  readonly ms: number
}

/** Written to test whether a connection whose server has ended it accepts data. */
const PROBE = '\n'
/** A connection without any event for this long hangs. */
const HANG_MS = 15_000

/** Plays a script on its own connection. */
export async function play(script: Script, port: number): Promise<Transcript> {
  const begun = performance.now()
  const player = new Player(script)
  return { ...(await player.play(port)), ms: performance.now() - begun }
}

class Player {
  readonly #script: Script
  readonly #reader: Reader
  #tap: Tap | undefined
  #end: End | undefined
  #wake: () => void = () => {}

  constructor(script: Script) {
    this.#script = script
    this.#reader = readerFor(script)
  }

  async play(port: number): Promise<Omit<Transcript, 'ms'>> {
    const socket = this.#script.door.tls ? await this.#openTls(port) : this.#open(port)
    let isOpen = false
    socket.on(this.#tap ? 'secureConnect' : 'connect', () => {
      isOpen = true
      this.#wake()
    })
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      this.#wake()
    })
    socket.on('end', () => this.#onEnd(socket))
    socket.on('error', () => this.#over('reset'))
    socket.on('close', () => this.#over('left'))
    await this.#until(() => isOpen)
    for (const step of this.#script.steps) {
      if (this.#end !== undefined) break
      await this.#do(step, socket)
    }
    await this.#until(() => false)
    const end = this.#end ?? 'hung'
    if (end === 'ended' || end === 'over') this.#reader.finish()
    socket.destroy()
    this.#tap?.destroy()
    return { parts: this.#reader.parts(), end }
  }

  #open(port: number): Socket {
    return connectRobustly(port, () => this.#over('reset'))
  }

  async #openTls(port: number): Promise<Socket> {
    const raw = connect({ port: await tapPort(), host: '127.0.0.1', noDelay: true })
    await once(raw, 'connect')
    this.#tap = new Tap(await otherEnd(raw), port, this.#script.cutBytes)
    return connectTls({ socket: raw, rejectUnauthorized: false })
  }

  async #do(step: Step, socket: Socket): Promise<void> {
    switch (step.do) {
      case 'write':
        socket.write(this.#script.bytes.subarray(step.from, step.to))
        break
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve))
        break
      case 'wait':
        await delay(step.ms)
        break
      case 'until':
        await this.#until(() => this.#reader.answers >= step.answers)
        break
      case 'until-told':
        await this.#until(() => this.#reader.interim >= step.interim || this.#reader.answers >= step.answers)
        break
      case 'pause':
        socket.pause()
        break
      case 'resume':
        socket.resume()
        break
      case 'end':
        socket.end()
        break
      case 'reset':
        this.#end = 'left'
        if (this.#tap) this.#tap.reset()
        else socket.resetAndDestroy()
        break
    }
  }

  /** Waits until a condition holds, the connection is over, or all is sent and nothing has happened for a long time. */
  async #until(condition: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    while (this.#end === undefined && !condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(() => (this.#tap?.isSending ? resolve() : this.#over('hung')), HANG_MS)
      })
      clearTimeout(timer)
    }
  }

  /** libuv can report an end for a reset that it received together with the last bytes. */
  #onEnd(socket: Socket): void {
    if (socket.writableEnded) this.#over('over')
    else if (this.#tap) this.#over(this.#tap.isReset ? 'reset' : 'ended')
    else socket.write(PROBE, (error) => this.#over(error ? 'reset' : 'ended'))
  }

  #over(end: End): void {
    this.#end ??= end
    this.#wake()
  }
}
