import { generation, isReader } from 'node-qclone'
import { ACCOUNTS, type Asked, type Owned, paddingFor, TOTAL } from '../../harness/owned-answers.js'

/** Time between two calls of `cloneReaders` for a server. */
export interface Epoch {
  readonly epoch: number
  readonly maxAge: number
  readonly readYourWrites: boolean
}

/** Answer to a question. */
export interface Answered extends Owned, Epoch {
  readonly pid: number
  readonly isReader: boolean
  readonly generation: number
  /** Number of changes to the data, and the time of the last one. */
  readonly version: number
  readonly changedAt: number
  /** Number of the client's own transfers among them. */
  readonly yours: number
}

/** Data of the parent. */
export class State {
  version = 0
  /** In milliseconds since the Unix epoch. */
  changedAt = Date.now()
  /** Transfers by client. */
  readonly transfers = new Map<string, number>()
  readonly #accounts = Array.from({ length: ACCOUNTS }, () => TOTAL / ACCOUNTS)

  /** Moves an amount from one account to another. */
  transfer(from: number, to: number, amount: number): void {
    this.#accounts[from % ACCOUNTS] = (this.#accounts[from % ACCOUNTS] as number) - amount
    this.#accounts[to % ACCOUNTS] = (this.#accounts[to % ACCOUNTS] as number) + amount
    this.version++
    this.changedAt = Date.now()
  }

  /** Does the same for a client. */
  transferFor(id: string, from: number, to: number): void {
    if (isReader()) throw new Error('a reader was asked to change the data')
    this.transfer(from, to, 1)
    this.transfers.set(id, (this.transfers.get(id) ?? 0) + 1)
  }

  answer({ id, nonce, size }: Asked, epoch: Epoch): Answered {
    return {
      id,
      nonce,
      size,
      ...epoch,
      pid: process.pid,
      isReader: isReader(),
      generation: generation(),
      sum: this.#accounts.reduce((sum, balance) => sum + balance, 0),
      version: this.version,
      changedAt: this.changedAt,
      yours: this.transfers.get(id) ?? 0,
      padding: paddingFor({ id, nonce, size }),
    }
  }
}
