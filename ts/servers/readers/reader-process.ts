import { Buffer } from 'node:buffer'
import { type Server, Socket } from 'node:net'
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { leave, reportError } from '../../in-clone/exit.js'
import { native } from '../../native.js'
import { setImmediate, setInterval, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import { process } from '../../node-internals/process.js'
import { enlist } from '../../node-internals/sockets.js'
import { memoryOf } from '../../observe/memory.js'
import { closeFile } from '../../parent/launch.js'
import { KIND } from '../../transport/frames.js'
import { encodeValue } from '../../transport/messages.js'
import { descriptorOf, letLive, resetAtDeath, untilRead } from '../client-connection.js'
import { openSafely } from './accepted.js'
import { Handover } from './handover.js'
import type { Luggage, Note, Whereabouts } from './note.js'
import type { Plan } from './options.js'
import { keepUnread, takeUnread } from './unread.js'

/** What a reader tells of itself, a few times a second. */
export interface Report {
  /** Connections it has. */
  readonly open: number
  /** Requests and queries it has begun. */
  readonly requests: number
  /** Share of the time since the last report in which its event loop was busy, from 0 to 1. */
  readonly busy: number
  /** Why it should be replaced, if it should. */
  readonly replace?: string
}

/** Message that expects no reply, on its way to the parent: its bytes and the state to decode them, or its value. */
export type Forwarded = { readonly raw: Uint8Array; readonly state: Uint8Array } | { readonly value: unknown }

/** Client of a reader. */
export interface Line {
  /** Gives the client back as soon as it is at rest, or lets it finish where it cannot move. */
  retire(): void
  /** Ends the connection if the client has asked for nothing for a while, not even in part, and cannot be given back. */
  endAtRest(): void
  /** Ends the connection if the client could have moved, were it not in the middle of a request. */
  endIfStuck(): void
  /** Ends the connection if the client waits for nothing. */
  endIfIdle(): void
}

/** Begins to serve a connection. `unread` is what another process has read of it and not handled. */
export type OpenLine = (socket: Socket, luggage: Luggage, unread: Uint8Array) => void

/** Time between two reports, in milliseconds. */
export const REPORT_MS = 250
/** The same for a reader that has one connection, which rests. */
const MOST_REPORT_MS = 10_000
/** Time between two looks at the memory, which take the kernel 10 ms per gigabyte. */
const MEMORY_LOOK_MS = 1000
/** Maximum number of connections that one message acknowledges, so that it is not too long. */
const MOST_TOLD = 1000
const PAGE_BYTES = 4096
/** Time in milliseconds in which clients in the middle of a request must send the rest once their reader is to end. */
const STUCK_MS = 2000

/** In a reader: takes connections from the parent, counts their requests, and gives them back in the end. */
export class ReaderProcess {
  readonly server: Server
  readonly plan: Plan
  /** Time of its fork, by `uptimeMs`. */
  readonly forkedAt: number
  readonly #openLine: OpenLine
  readonly #lines = new Set<Line>()
  /** Those whose client has asked, and that has not been read. It would ask the next reader, and so on. */
  readonly #owing = new Set<Line>()
  readonly #handover: Handover
  readonly #link: number
  readonly #open = new Set<Socket>()
  /** Connections to the parent, whose requests may still be on their way when their clients have moved or left. */
  readonly #forwarding = new Set<Socket>()
  #took: number[] = []
  #isTelling = false
  #isRetiring = false
  /** Whether no client can begin to ask it any more, apart from those that cannot move. */
  #readsNoMore = false
  #isHurrying = false
  #isReporting = false
  #requests = 0
  /** Updates that it has passed on. */
  #updates = 0
  /** Times at which the requests and queries under way began, oldest first. */
  readonly #underWay = new Map<symbol, number>()
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #faultsAtStart = process.resourceUsage().minorPageFault
  #rssAtStart = rssNow()
  #nextMemoryLook = 0

  /**
  @param handover descriptor for connections.
  @param link descriptor for reports and updates.
  @param openLine called with each connection, to serve it.
  */
  constructor(
    { server, plan, forkedAt }: { server: Server; plan: Plan; forkedAt: number },
    { handover, link }: { handover: number; link: number },
    openLine: OpenLine,
  ) {
    this.server = server
    this.plan = plan
    this.forkedAt = forkedAt
    this.#link = link
    this.#openLine = openLine
    native().holdLoop(true)
    // The parent has ended or has given this reader up: nobody would get what it could still do.
    this.#handover = new Handover(
      handover,
      (note, fds) => this.#receive(note, fds),
      () => leave(0),
    )
    setInterval(() => this.#report(), reportMs(plan)).unref()
    // It serves from now on.
    this.#tellSoon()
  }

  /**
  Adds a client, whose `retire` is called when this reader is to end.

  @param luggage.asks whether the client has asked: that is read first.
  */
  add(line: Line, { asks }: Luggage = {}): void {
    this.#lines.add(line)
    if (asks) {
      this.#owing.add(line)
      untilRead(() => {
        if (this.#owing.delete(line) && this.#isRetiring) line.retire()
      })
    } else if (this.#isRetiring) line.retire()
  }

  remove(line: Line): void {
    this.#lines.delete(line)
    this.#owing.delete(line)
  }

  /**
  Takes what the parent has said, at the end of `maxAge`. A handler that took long has kept the word to retire waiting,
  and the client's next request may be read before it.
  */
  catchUp(): void {
    if (uptimeMs() - this.forkedAt >= this.plan.maxAge) this.#handover.take()
  }

  /** Counts a request or query. @returns a function to call when it is over. */
  begin(): () => void {
    const id = Symbol('request')
    this.#requests++
    this.#underWay.set(id, uptimeMs())
    this.#reportSoon()
    return () => void this.#underWay.delete(id)
  }

  /**
  Gives a connection that is at rest back to the parent, which has another reader serve it.

  @param unread what was read of the client's messages and not handled.
  @returns false if there is no room to keep that.
  */
  giveBack(socket: Socket, luggage: Luggage, unread: Uint8Array = NOTHING): boolean {
    const fd = descriptorOf(socket)
    if (fd === undefined) return true
    const file = unread.length > 0 ? keepUnread(unread) : undefined
    if (unread.length > 0 && file === undefined) return false
    const back = { ...luggage, ...(file !== undefined && { unread: unread.length }) }
    // Before it is sent: the next reader sets it, and `destroy` here would undo that.
    letLive(socket)
    this.#send({ back, updates: this.#updates }, file === undefined ? [fd] : [fd, file])
    closeFile(file)
    socket.destroy()
    return true
  }

  /** Opens a connection to the parent's own server, which sees a client at `whereabouts`. */
  openForwarding(whereabouts: Whereabouts): Socket {
    const { ends } = native().openSocketPair()
    if (!ends) throw new Error('no descriptor is left for a connection to the parent')
    const [own, other] = ends as [number, number]
    this.#send({ forward: whereabouts }, [other])
    native().closePipeEnd(other)
    const socket = new Socket({ fd: own })
    this.#forwarding.add(socket)
    socket.on('close', () => {
      this.#forwarding.delete(socket)
      this.#tellSoon()
    })
    return socket
  }

  /** Has the parent handle an update. Blocks while the parent is behind. */
  forwardUpdate(update: Forwarded): void {
    native().writeAll(this.#link, encodeValue(KIND.value, update))
    this.#updates++
  }

  #receive(note: Note | undefined, fds: number[]): void {
    if (note && 'take' in note) this.#take(note.take, note.with, fds)
    else if (note && 'retire' in note) this.#retire(note.retire)
    else if (note && 'hurry' in note) this.#hurry()
  }

  #take(id: number, luggage: Luggage, [fd, file]: number[]): void {
    const { unread = 0 } = luggage
    if (fd === undefined || (unread > 0 && file === undefined)) {
      closeFile(fd)
      this.#send({ missed: id })
      return
    }
    // Told before anything is read: a connection that a reader has not taken when it dies goes to another one.
    this.#took.push(id)
    const bytes = takeUnread(file, unread)
    // What another process has read is handled at once, and may end this one. The connection counts as open already.
    if (unread > 0) this.#tell(1)
    const socket = openSafely(fd, this.server)
    if (!socket || !bytes) {
      socket?.destroy()
      this.#tellSoon()
      return
    }
    resetAtDeath(socket)
    enlist(socket, this.server)
    this.#open.add(socket)
    this.#tellSoon()
    socket.on('close', () => {
      this.#open.delete(socket)
      this.#tellSoon()
    })
    this.#openLine(socket, luggage, bytes)
  }

  #retire(withinMs: number): void {
    if (!this.#isRetiring) {
      this.#isRetiring = true
      for (const line of [...this.#lines]) if (!this.#owing.has(line)) line.retire()
      untilRead(() => {
        this.#readsNoMore = true
        this.#tellSoon()
      })
    }
    // It may be told again, to end sooner.
    setTimeout(
      () => {
        for (const line of [...this.#lines]) line.endIfStuck()
      },
      Math.min(withinMs, STUCK_MS),
    ).unref()
    setTimeout(() => {
      for (const line of [...this.#lines]) line.endIfIdle()
    }, withinMs).unref()
    this.#tellSoon()
  }

  #hurry(): void {
    if (this.#isHurrying) return
    this.#isHurrying = true
    setInterval(() => {
      for (const line of [...this.#lines]) line.endAtRest()
    }, REPORT_MS).unref()
  }

  /** Tells the parent what was taken and closed in this turn, and leaves if nothing is left to do. */
  #tellSoon(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      this.#tell()
      if (this.#isRetiring && this.#open.size + this.#forwarding.size === 0) {
        this.#report()
        leave(0)
      }
    })
  }

  /** @param more connections that are about to be open. */
  #tell(more = 0): void {
    do {
      this.#send({
        took: this.#took.splice(0, MOST_TOLD),
        open: this.#open.size + more,
        retired: this.#readsNoMore,
      })
    } while (this.#took.length > 0)
  }

  /** Reports between two ticks of a long interval, too. */
  #reportSoon(): void {
    if (this.#isReporting || reportMs(this.plan) === REPORT_MS) return
    this.#isReporting = true
    setTimeout(() => {
      this.#isReporting = false
      this.#report()
      if (this.#underWay.size > 0) this.#reportSoon()
    }, REPORT_MS).unref()
  }

  #report(): void {
    const now = performance.eventLoopUtilization()
    const { utilization: busy } = performance.eventLoopUtilization(now, this.#utilization)
    this.#utilization = now
    const replace = this.#whyReplace()
    const report: Report = {
      open: this.#open.size,
      requests: this.#requests,
      busy,
      ...(replace !== undefined && { replace }),
    }
    try {
      native().writeAll(this.#link, encodeValue(KIND.report, report))
    } catch {
      leave(0)
    }
  }

  #whyReplace(): string | undefined {
    const { maxRequests, maxMemory, requestTimeout } = this.plan
    if (this.#requests >= maxRequests) return `it has served ${this.#requests} requests`
    const [oldest] = this.#underWay.values()
    if (oldest !== undefined && uptimeMs() - oldest > requestTimeout) {
      return `a request has taken more than ${requestTimeout} ms`
    }
    const bytes = maxMemory === Infinity ? 0 : this.#ownBytes(maxMemory)
    return bytes >= maxMemory ? `it has taken ${bytes} bytes of memory` : undefined
  }

  /** Memory of this process alone; 0 as long as its page faults say that it is less than `most`, or nobody asks. */
  #ownBytes(most: number): number {
    const copied = (process.resourceUsage().minorPageFault - this.#faultsAtStart) * PAGE_BYTES
    // One fault may bring a huge page.
    const grown = rssNow() - this.#rssAtStart
    if (copied + grown < most || uptimeMs() < this.#nextMemoryLook) return 0
    this.#nextMemoryLook = uptimeMs() + MEMORY_LOOK_MS
    try {
      return memoryOf().uss
    } catch {
      return 0
    }
  }

  #send(note: Note, fds: number[] = []): void {
    const failure = this.#handover.send(note, fds, true)
    if (failure === undefined) return
    if (failure === 'EPIPE' || failure === 'ECONNRESET') leave(0)
    reportError(new Error(`a connection could not be handed over: ${failure}`))
  }
}

const NOTHING = Buffer.alloc(0)

/**
Time between two reports of a reader that has nothing to do, in milliseconds. A thousand readers must not keep the CPUs
busy.
*/
function reportMs({ perConnection, requestTimeout }: Plan): number {
  return perConnection ? Math.min(Math.max(requestTimeout / 2, REPORT_MS), MOST_REPORT_MS) : REPORT_MS
}

/** Memory of this process in RAM, in bytes; 0 if no descriptor is left to read it. */
function rssNow(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return 0
  }
}
