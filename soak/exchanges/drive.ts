import { Random } from '../../harness/random.js'
import type { Kind } from './doors.js'
import { generate } from './generate.js'
import { foreignInTranscript, type Outcome, outcomeOf } from './judge.js'
import { asDocumented, explain, isAmong, LATE_KIND, withoutPids } from './kinds.js'
import { LATE, type Left } from './notices.js'
import type { Options } from './options.js'
import { play } from './play.js'
import { type Events, ServerProcess, unwantedIn } from './process.js'
import { showPlay } from './show.js'
import type { Tally } from './tally.js'

const ENDING_MS = 15_000
/** Further plays to plain Node. A difference counts if all of them differ from the clone. */
const MORE_PLAYS = 5
/** Share of each kind among the scripts. */
const SHARES: Readonly<Record<Kind, number>> = { http: 48, tls: 14, offload: 16, sessions: 9, queries: 13 }

/** Resources that the two servers of a pair still had open at the end. `undefined`: the server has died. */
export interface LeftOfPair {
  cloning: Left | undefined
  plain: Left | undefined
}

/** Pair of servers, one with clones and one without, and the clients of both. */
export class Pair {
  readonly #certificate: { key: string; cert: string }
  readonly #tally: Tally
  readonly #running = new Set<string>()
  #cloning: ServerProcess | undefined
  #plain: ServerProcess | undefined

  constructor(certificate: { key: Buffer; cert: Buffer }, tally: Tally) {
    this.#certificate = { key: certificate.key.toString(), cert: certificate.cert.toString() }
    this.#tally = tally
  }

  async start(): Promise<void> {
    this.#plain = await ServerProcess.start(
      { role: 'plain', ...this.#certificate },
      this.#events('plain', () => {
        throw new Error('the plain server has died')
      }),
    )
    await this.#startCloning()
  }

  async #startCloning(): Promise<void> {
    this.#cloning = await ServerProcess.start(
      { role: 'cloning', ...this.#certificate },
      this.#events('cloning', (how, lastWords) => {
        this.#tally.fault('died', `${how}: ${lastWords.slice(-600)}`, [...this.#running])
        this.#cloning = undefined
      }),
    )
  }

  #events(role: string, died: Events['died']): Events {
    return {
      uncaught: (stack) => this.#tally.fault('uncaught', `${role}: ${stack}`, [...this.#running]),
      said: (text) => {
        for (const line of unwantedIn(text)) this.#tally.said(`${role}: ${line}`)
      },
      died,
    }
  }

  /** Plays scripts until `next` returns none. */
  async drive(next: () => string | undefined, verbose = false): Promise<void> {
    for (let id = next(); id !== undefined; id = next()) await this.one(id, verbose)
  }

  /** Plays one script to both, and compares. */
  async one(id: string, verbose = false): Promise<void> {
    this.#running.add(id)
    try {
      await this.#one(id, verbose)
    } finally {
      this.#running.delete(id)
    }
  }

  async #one(id: string, verbose: boolean): Promise<void> {
    if (!this.#cloning) await this.#restart()
    const cloning = this.#cloning
    if (!cloning) return
    const begun = performance.now()
    const [cloned, plain] = await Promise.all([this.#play(id, cloning, ''), this.#play(id, this.#plain, '')])
    const { script } = cloned
    this.#tally.played(script, performance.now() - begun)
    if (verbose) showPlay(script, cloned.outcome, plain.outcome)
    if (cloned.outcome.end === 'hung') {
      const both = plain.outcome.end === 'hung'
      this.#tally.fault(both ? 'hung in both' : 'hung', script.door.name, [id])
      if (both) return
    }
    if (cloning !== this.#cloning) return
    const plains = [plain.outcome]
    if (isAmong(cloned.outcome, plains)) return this.#tally.differs('same')
    let kindOf = explain(script, cloned.outcome, plains)
    for (let more = 0; kindOf === undefined && more < MORE_PLAYS; more++) {
      const which = more % 3 === 2 ? '' : LATE
      const { outcome } = await this.#play(id, this.#plain, which)
      plains.push(outcome)
      if (isAmong(cloned.outcome, plains)) kindOf = which === LATE ? LATE_KIND : 'same'
      else kindOf = explain(script, cloned.outcome, plains)
    }
    if (kindOf !== undefined) return this.#tally.differs(kindOf)
    this.#tally.unexplained(id, script, cloned.outcome, plains)
  }

  async #play(id: string, server: ServerProcess | undefined, which: string) {
    const script = generate(id)
    const port = server?.ports[script.door.name + which]
    if (!server || port === undefined) throw new Error(`Expected a server for ${script.door.name}${which}`)
    const transcript = await play(script, port)
    const foreign = foreignInTranscript(script, transcript)
    if (foreign !== undefined) {
      this.#tally.fault('foreign', `${server === this.#plain ? 'plain' : 'cloning'}: ${foreign}`, [id])
    }
    const outcome = outcomeOf(script, transcript)
    const comparable: Outcome =
      server === this.#plain ? asDocumented(script, outcome) : withoutPids(script, outcome)
    return { script, outcome: comparable }
  }

  #restarting: Promise<void> | undefined

  async #restart(): Promise<void> {
    this.#restarting ??= this.#startCloning().finally(() => {
      this.#restarting = undefined
    })
    await this.#restarting
  }

  /** Waits a while for each server to release everything, and returns what is still open. */
  async left(): Promise<LeftOfPair> {
    const [cloning, plain] = await Promise.all([this.#cloning?.left(ENDING_MS), this.#plain?.left(ENDING_MS)])
    return { cloning, plain }
  }

  /** Ends both servers. Returns what they still had open. */
  async end(): Promise<LeftOfPair> {
    const left = await this.left()
    await Promise.all([this.#cloning?.end(), this.#plain?.end()])
    return left
  }
}

/** Returns a function that generates scripts until there are enough exchanges or time is up. */
export function scripts(options: Options, tally: Tally): () => string | undefined {
  const { seed, kinds, exchanges, minutes, only, times } = options
  const until = performance.now() + minutes * 60_000
  const bag = kinds.flatMap((kind) => Array<Kind>(SHARES[kind]).fill(kind))
  let index = 0
  return () => {
    if (only) return index++ < times ? only : undefined
    if (tally.exchanges >= exchanges || performance.now() > until) return undefined
    const random = new Random(seed, index++)
    return `${random.pick(bag)}:${random.uint32()}`
  }
}
