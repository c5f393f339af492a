import { type Asked, faultIn } from '../../harness/owned-answers.js'
import type { Answered } from './state.js'

/** Connection that was aborted, or request without an answer. */
export interface Failure {
  readonly kind: string
  readonly what: string
  /** In milliseconds since the Unix epoch. */
  readonly at: number
}

/** Answer from data that was older than `maxAge`, by some margin, when its request was sent. */
export interface Old {
  readonly kind: string
  readonly epoch: number
  readonly maxAge: number
  readonly ms: number
}

/** Allowed staleness beyond `maxAge` and the duration of a swap. */
const STALENESS_ROOM_MS = 200
/** Maximum number of answers kept. Beyond it, only the oldest of each epoch are kept. */
const MOST_OLD = 100_000

/** Results of all clients. */
export class Tally {
  /** Right answers by kind of client. */
  readonly right: Record<string, number> = {}
  /** Answers by the parent. */
  byParent = 0
  moves = 0
  connections = 0
  /** Answers that must never occur. */
  readonly wrong: string[] = []
  readonly failures: Failure[] = []
  readonly old: Old[] = []
  readonly #oldest = new Map<number, number>()
  /** Maximum time by which data was older than its `maxAge`. */
  mostBeyondMs = 0
  /** Closed connections that are not yet settled with the server. */
  closed: string[] = []
  /** Transfers by connection: sent, and acknowledged. */
  readonly sent = new Map<string, number>()
  readonly acknowledged = new Map<string, number>()

  count(kind: string): void {
    this.right[kind] = (this.right[kind] ?? 0) + 1
  }

  fail(kind: string, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException
    this.failures.push({ kind, what: code ?? message, at: Date.now() })
  }

  noteSent(id: string): void {
    this.sent.set(id, (this.sent.get(id) ?? 0) + 1)
  }

  noteAcknowledged(id: string): void {
    this.acknowledged.set(id, (this.acknowledged.get(id) ?? 0) + 1)
  }

  noteAge(kind: string, { epoch, maxAge, changedAt, isReader }: Answered, sentAt: number): void {
    if (!isReader) return
    const ms = sentAt - changedAt
    this.mostBeyondMs = Math.max(this.mostBeyondMs, ms - maxAge)
    const isOldest = ms >= (this.#oldest.get(epoch) ?? 0)
    if (isOldest) this.#oldest.set(epoch, ms)
    const hasRoom = this.old.length < MOST_OLD || isOldest
    if (ms > maxAge + STALENESS_ROOM_MS && hasRoom) this.old.push({ kind, epoch, maxAge, ms })
  }

  /** Total of right answers. */
  get answers(): number {
    return Object.values(this.right).reduce((sum, count) => sum + count, 0)
  }
}

function whoOf(answered: Answered | undefined): string {
  if (!answered) return 'nobody'
  const { isReader, generation, pid, epoch } = answered
  return isReader ? `reader ${pid} of generation ${epoch}.${generation}` : `the parent in ${epoch}`
}

/** Answers of one connection, which must be consistent with each other. */
export class Trail {
  readonly #kind: string
  readonly #tally: Tally
  #last: Answered | undefined
  /** Transfers over the connection so far. Answers must contain them if the server promises so. */
  #own = 0

  constructor(kind: string, tally: Tally) {
    this.#kind = kind
    this.#tally = tally
    tally.connections++
  }

  /** Records a transfer that the next answer must contain. */
  wrote(): void {
    this.#own++
  }

  /** Judges the answer to a question that was sent at `sentAt`. */
  judge(asked: Asked, answered: Answered, sentAt: number): void {
    const tally = this.#tally
    const fault = faultIn(asked, answered) ?? this.#faultAfter(answered)
    if (fault === undefined) tally.count(this.#kind)
    else
      tally.wrong.push(
        `${asked.id}.${asked.nonce} by ${whoOf(answered)}: ${fault}, after ${whoOf(this.#last)}`,
      )
    tally.noteAge(this.#kind, answered, sentAt)
    if (!answered.isReader) tally.byParent++
    if (this.#last && this.#last.pid !== answered.pid) tally.moves++
    this.#last = answered
  }

  #faultAfter(now: Answered): string | undefined {
    const last = this.#last
    if (!last || last.epoch !== now.epoch) return undefined
    if (now.readYourWrites && now.yours < this.#own) return `${now.yours} of its ${this.#own} transfers`
    if (!last.isReader || !now.isReader) return undefined
    if (now.generation < last.generation) return `generation ${now.generation} after ${last.generation}`
    if (now.generation > last.generation && now.version < last.version) {
      return `${now.version} changes after ${last.version}`
    }
    return undefined
  }
}
