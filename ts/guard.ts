import { basename } from 'node:path'
import { onAbort } from './abort.js'
import type { Channel } from './channel.js'
import type { Clone } from './children.js'
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from './clock.js'
import { QcloneError } from './errors.js'
import type { CloneOptions } from './options.js'
import { inTask, type Named } from './task-name.js'
import { expectMilliseconds, expectOptions, expectSignal } from './validate.js'
import { inWords, type WaitStatus } from './wait-status.js'
import { waitingInWords } from './waiting.js'

/** How a clone is ended that does not end by itself. */
export interface EndOptions {
  /** @default 'SIGTERM' */
  readonly signal?: NodeJS.Signals | undefined
  /** How many milliseconds it has before it is killed by SIGKILL. @default 1000 */
  readonly grace?: number | undefined
}

const GRACE_MS = 1000

/** @throws {TypeError} or {@link RangeError} on an option that is unknown or of no use. */
export function expectEndOptions(options: unknown): asserts options is EndOptions {
  expectOptions(options, ['signal', 'grace'])
  const { signal = 'SIGTERM', grace = GRACE_MS } = options
  expectSignal(signal, 'signal')
  expectMilliseconds(grace, 'grace')
}

/** What can be ended. */
type Mortal = Pick<Clone, 'kill' | 'exited'> & { readonly vouchedFor?: readonly string[] }

/** Ends a clone: by a signal that it may act on, and by SIGKILL when that took too long. */
export async function endClone(
  clone: Mortal,
  { signal = 'SIGTERM', grace = GRACE_MS }: EndOptions,
): Promise<WaitStatus> {
  clone.kill(signal)
  // A stopped process gets a signal only when it goes on.
  clone.kill('SIGCONT')
  return killAfter(clone, grace)
}

/** Waits for a clone to end by itself, and kills it when that takes too long. Rejects when it may not. */
export async function killAfter(clone: Mortal, grace = GRACE_MS): Promise<WaitStatus> {
  let timer: NodeJS.Timeout | undefined
  const refused = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      try {
        clone.kill('SIGKILL')
      } catch (error) {
        reject(error)
      }
    }, grace).unref()
  })
  try {
    return await Promise.race([clone.exited, refused])
  } finally {
    clearTimeout(timer)
  }
}

/** Kills a clone that is of no use any more, if this process may: one that has changed its user may not. */
export function discard(clone: Mortal): void {
  try {
    clone.kill('SIGKILL')
  } catch {
    // It ends by itself, or with this process.
  }
}

function adviceOnTime({ vouchedFor = [] }: Mortal): string {
  if (vouchedFor.length === 0) return 'allow it more by `timeout`, or let it do less'
  const files = vouchedFor.map((path) => basename(path)).join(', ')
  return `it may have waited for threads of ${files}, which are vouched for and not in a clone: do not use that in clones, or allow more by \`timeout\``
}

/** Ends a task's clone before its time: when its caller aborts it, and at its deadline. */
export class Guard {
  readonly #options: CloneOptions
  readonly #task: Named | undefined
  #why: { code: 'ERR_QCLONE_ABORTED' | 'ERR_QCLONE_TIMEOUT'; message: string; cause?: unknown } | undefined
  #clone: Mortal | undefined
  #waitsOn: readonly string[] = []
  #timer: NodeJS.Timeout | undefined
  #giveUp: (error: QcloneError) => void = () => {}
  /** As of the clone that is watched over. Rejects, too, when that was to be ended and lives on. */
  exited: Promise<WaitStatus> = new Promise(() => {})
  #overdue: NodeJS.Immediate | undefined
  #isOver = false
  readonly #forget: (() => void) | undefined

  /** @param task named by its errors. */
  constructor(options: CloneOptions, task?: Named) {
    this.#options = options
    this.#task = task
    const { signal } = options
    if (signal?.aborted) this.#abort()
    else this.#forget = signal && onAbort(signal, this.#abort)
  }

  /** Whether the task is to be ended, or has been. */
  get triggered(): boolean {
    return this.#why !== undefined
  }

  /** Whether it is to be ended since its deadline has passed. */
  get isLate(): boolean {
    return this.#why?.code === 'ERR_QCLONE_TIMEOUT'
  }

  /**
  Watches over this clone from now on.

  @param channel by which it says what it waits on.
  */
  watch(clone: Mortal, channel?: Pick<Channel, 'waitsOn'>): void {
    this.#clone = clone
    this.exited = new Promise((resolve, reject) => {
      this.#giveUp = reject
      clone.exited.then(resolve, reject)
    })
    // Nobody need be interested.
    this.exited.catch(() => {})
    this.#waitsOn = channel?.waitsOn ?? []
    clearTimeout(this.#timer)
    clearImmediate(this.#overdue)
    this.#isOver = false
    const { timeout = Infinity } = this.#options
    if (this.#why) this.#end()
    if (this.#why || timeout === Infinity) return
    // The clone keeps the event loop going, if anything is to.
    this.#timer = setTimeout(() => {
      // A parent that stood still finds its timers due before it has read what its clones did in time.
      this.#overdue = setImmediate(() => this.#timeOut(clone, timeout))
    }, timeout).unref()
    const over = () => {
      // A task that was begun again has another by now.
      if (this.#clone === clone) this.#isOver = true
    }
    clone.exited.then(over, over)
  }

  #timeOut(clone: Mortal, timeout: number): void {
    if (this.#isOver) return
    const message = `the clone had not ended ${timeout} ms after its fork: ${adviceOnTime(clone)}`
    this.#why ??= { code: 'ERR_QCLONE_TIMEOUT', message }
    this.#end()
  }

  /** Why the task was ended before its time. */
  error(status?: WaitStatus): QcloneError {
    const { code = 'ERR_QCLONE_ABORTED', message = '', cause } = this.#why ?? {}
    const text = status ? `${message}; it ${inWords(status)}${waitingInWords(this.#waitsOn)}` : message
    const error = new QcloneError(code, text, {
      ...(status && { status }),
      ...(this.#why && 'cause' in this.#why && { cause }),
    })
    return this.#task ? inTask(error, this.#task) : error
  }

  /** The task is over. */
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
    const { killSignal: signal, grace } = this.#options
    // How it ended is told where its end is waited for.
    endClone(clone, { signal, grace }).catch((cause) => {
      const { code, message } = this.error()
      this.#giveUp(new QcloneError(code, `${message}; and it lives on: ${cause.message}`, { cause }))
    })
  }
}
