import { basename } from 'node:path'
import { inTask, type Named } from '../in-clone/task-name.js'
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../node-internals/clock.js'
import type { CloneOptions } from '../options/clone-options.js'
import { onAbort } from '../options/on-abort.js'
import type { Channel } from '../transport/channel.js'
import { QcloneError } from '../types/errors.js'
import { inWords, type WaitStatus } from '../types/wait-status.js'
import { endClone, type Mortal } from './terminate.js'
import { waitingInWords } from './waited-on.js'

function adviceOnTime({ vouchedFor = [] }: Mortal): string {
  if (vouchedFor.length === 0) return 'raise `timeout`, or give the clone less work'
  const files = vouchedFor.map((path) => basename(path)).join(', ')
  return `it may have waited for threads of ${files}, which \`vouchFor\` accepts but a clone does not have: do not use that addon in clones, or raise \`timeout\``
}

/** Terminates a task's clone early: when its signal is aborted, or its deadline passes. */
export class Guard {
  readonly #options: CloneOptions
  readonly #task: Named | undefined
  #why: { code: 'ERR_QCLONE_ABORTED' | 'ERR_QCLONE_TIMEOUT'; message: string; cause?: unknown } | undefined
  #clone: Mortal | undefined
  #waitsOn: readonly string[] = []
  #timer: NodeJS.Timeout | undefined
  #giveUp: (error: QcloneError) => void = () => {}
  /** Promise of the wait status of the watched clone. Also rejects if that clone cannot be terminated. */
  exited: Promise<WaitStatus> = new Promise(() => {})
  #overdue: NodeJS.Immediate | undefined
  #isOver = false
  readonly #forget: (() => void) | undefined

  /** @param task Task to name in error messages. */
  constructor(options: CloneOptions, task?: Named) {
    this.#options = options
    this.#task = task
    const { signal } = options
    if (signal?.aborted) this.#abort()
    else this.#forget = signal && onAbort(signal, this.#abort)
  }

  /** Whether the task was aborted or timed out. */
  get triggered(): boolean {
    return this.#why !== undefined
  }

  /** Whether the task timed out. */
  get isLate(): boolean {
    return this.#why?.code === 'ERR_QCLONE_TIMEOUT'
  }

  /**
  Watches this clone from now on.

  @param channel Channel on which the clone reports the connections it waits on.
  */
  watch(clone: Mortal, channel?: Pick<Channel, 'waitsOn'>): void {
    this.#clone = clone
    this.exited = new Promise((resolve, reject) => {
      this.#giveUp = reject
      clone.exited.then(resolve, reject)
    })
    // The task may not handle the rejection.
    this.exited.catch(() => {})
    this.#waitsOn = channel?.waitsOn ?? []
    clearTimeout(this.#timer)
    clearImmediate(this.#overdue)
    this.#isOver = false
    const { timeout = Infinity } = this.#options
    if (this.#why) this.#end()
    if (this.#why || timeout === Infinity) return
    // The clone keeps the event loop alive, unless the user unreferenced it.
    this.#timer = setTimeout(() => {
      // After a long turn, timers fire before the parent has read messages that its clones sent in time.
      this.#overdue = setImmediate(() => this.#timeOut(clone, timeout))
    }, timeout).unref()
    const over = () => {
      // A task that was started again has another clone by now.
      if (this.#clone === clone) this.#isOver = true
    }
    clone.exited.then(over, over)
  }

  #timeOut(clone: Mortal, timeout: number): void {
    if (this.#isOver) return
    const message = `the clone was still running ${timeout} ms after its fork: ${adviceOnTime(clone)}`
    this.#why ??= { code: 'ERR_QCLONE_TIMEOUT', message }
    this.#end()
  }

  /** Returns the error of a task that was aborted or timed out. */
  error(status?: WaitStatus): QcloneError {
    const { code = 'ERR_QCLONE_ABORTED', message = '', cause } = this.#why ?? {}
    const text = status ? `${message}; it ${inWords(status)}${waitingInWords(this.#waitsOn)}` : message
    const error = new QcloneError(code, text, {
      ...(status && { status }),
      ...(this.#why && 'cause' in this.#why && { cause }),
    })
    return this.#task ? inTask(error, this.#task) : error
  }

  /** Stops watching, since the task is over. */
  release(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#overdue)
    this.#forget?.()
  }

  readonly #abort = () => {
    const cause: unknown = this.#options.signal?.reason
    this.#why ??= { code: 'ERR_QCLONE_ABORTED', message: 'the task was aborted by its signal', cause }
    this.#end()
  }

  #end(): void {
    const clone = this.#clone
    if (!clone) return
    const { killSignal, forceKillAfterDelay } = this.#options
    // The wait status is handled where `exited` is awaited.
    endClone(clone, { killSignal, forceKillAfterDelay }).catch((cause) => {
      const { code, message } = this.error()
      this.#giveUp(
        new QcloneError(code, `${message}; it could not be terminated: ${cause.message}`, { cause }),
      )
    })
  }
}
