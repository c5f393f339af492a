import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { type Part, type Reader, readerFor } from './reader.js'
import { RecordCutter } from './record-cutter.js'
import type { Script, Step } from './script.js'

/**
How a connection ended: the server ended its side, it was reset, one of these, the client closed it, or nothing came
any more.
*/
export type End = 'ended' | 'reset' | 'over' | 'left' | 'hung'

/** What came of a script. */
export interface Transcript {
  readonly parts: readonly Part[]
  readonly end: End
  readonly ms: number
}

/** Whether a connection can still be written to: its server has ended it. */
const PROBE = '\n'
/** Turns of the event loop in which the last bytes of a connection come that was reset. */
const REST_TURNS = 20
/** For which time nothing may happen on a connection. */
const HANG_MS = 15_000

/** Does on a connection of its own what a script says. */
export async function play(script: Script, port: number): Promise<Transcript> {
  const begun = performance.now()
  const player = new Player(script, port)
  return { ...(await player.play()), ms: performance.now() - begun }
}

class Player {
  readonly #script: Script
  readonly #reader: Reader
  readonly #raw: Socket
  readonly #socket: Socket
  #end: End | undefined
  #wake: () => void = () => {}
  #isOpen = false

  constructor(script: Script, port: number) {
    this.#script = script
    this.#reader = readerFor(script)
    this.#raw = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#readOnAfterWrites(this.#raw)
    this.#socket = script.door.tls ? encrypted(this.#raw, script) : this.#raw
    const socket = this.#socket
    socket.on(script.door.tls ? 'secureConnect' : 'connect', () => {
      this.#isOpen = true
      this.#wake()
    })
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      this.#wake()
    })
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => this.#over('reset'))
    socket.on('close', () => this.#over('left'))
  }

  async play(): Promise<Omit<Transcript, 'ms'>> {
    await this.#until(() => this.#isOpen)
    for (const step of this.#script.steps) {
      if (this.#end !== undefined) break
      await this.#do(step)
    }
    await this.#until(() => false)
    const end = this.#end ?? 'hung'
    if (end === 'ended' || end === 'over') this.#reader.finish()
    this.#socket.destroy()
    this.#raw.destroy()
    return { parts: this.#reader.parts(), end }
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'write':
        this.#socket.write(this.#script.bytes.subarray(step.from, step.to))
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
        this.#socket.pause()
        break
      case 'resume':
        this.#socket.resume()
        break
      case 'end':
        this.#socket.end()
        break
      case 'reset':
        this.#end = 'left'
        this.#raw.resetAndDestroy()
        break
    }
  }

  /** Waits until a condition holds, the connection is over, or nothing has happened for long. */
  async #until(condition: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    while (this.#end === undefined && !condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(() => this.#over('hung'), HANG_MS)
      })
      clearTimeout(timer)
    }
  }

  /** What libuv takes for an end may be a reset that it has seen together with the last bytes. */
  #onEnd(): void {
    if (this.#socket !== this.#raw) this.#over('ended')
    else if (this.#raw.writableEnded) this.#over('over')
    else this.#raw.write(PROBE, (error) => this.#over(error ? 'reset' : 'ended'))
  }

  /** What a server has sent before it closed its end is read, although the client can write no more. */
  #readOnAfterWrites(socket: Socket): void {
    const { destroy } = socket
    socket.destroy = (error) => {
      const isOfWrite = (error as NodeJS.ErrnoException | undefined)?.syscall === 'write'
      if (!isOfWrite || this.#end !== undefined) return Reflect.apply(destroy, socket, [error])
      this.#socket.resume()
      // Node does not say the end of a socket that has failed.
      void this.#readRest()
      return socket
    }
  }

  /** Reads until nothing has come for some turns: what was sent is with the kernel. */
  async #readRest(): Promise<void> {
    let quiet = 0
    this.#socket.on('data', () => {
      quiet = 0
    })
    for (; quiet < REST_TURNS; quiet++) await new Promise((resolve) => setImmediate(resolve))
    this.#over('reset')
  }

  #over(end: End): void {
    this.#end ??= end
    this.#wake()
  }
}

function encrypted(raw: Socket, { cutBytes }: Script): Socket {
  return connectTls({ socket: new RecordCutter(raw, cutBytes), rejectUnauthorized: false })
}
