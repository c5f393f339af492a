import { Buffer } from 'node:buffer'
import { type Server, Socket } from 'node:net'
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { leave, leaveWhenDone, reportError } from '../../in-clone/exit.js'
import { native } from '../../native.js'
import { setImmediate, setInterval, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import { process } from '../../node-internals/process.js'
import { enlist } from '../../node-internals/sockets.js'
import { memoryOf } from '../../observe/memory.js'
import { closeFile } from '../../parent/launch.js'
import { KIND } from '../../transport/frames.js'
import { encodeValue } from '../../transport/messages.js'
import { descriptorOf, letLive, resetAtDeath, untilRead } from '../client-connection.js'
import { isTls } from '../intercept.js'
import { openSafely } from './accepted.js'
import { Handover } from './handover.js'
import type { Hurry, Luggage, Note, Whereabouts } from './note.js'
import type { Plan } from './options.js'
import { keepUnread, takeUnread } from './unread.js'

/** Report that a reader sends about itself, a few times a second. */
export interface Report {
  /** Number of its connections. */
  readonly open: number
  /** Number of requests and queries it has begun. */
  readonly requests: number
  /** Utilization of its event loop since the last report, from 0 to 1. */
  readonly busy: number
  /** Reason to replace it, if there is one. */
  readonly replace?: string
}

/** Message that expects no reply, on its way to the parent: its bytes and the state to decode them, or its value. */
export type Forwarded = { readonly raw: Uint8Array; readonly state: Uint8Array } | { readonly value: unknown }

/** Client of a reader. */
export interface Line {
  /** Gives the client back as soon as it is idle, or lets it finish if it cannot move. */
  retire(): void
  /**
  Ends the connection if the client has been idle for a while and cannot be given back. `hurry` decides whether a client
  that has sent part of a request is spared.
  */
  endAtRest(hurry: Hurry): void
  /** Ends the connection if the client could have moved but is in the middle of a request. */
  endIfStuck(): void
  /** Ends the connection if the client waits for nothing. */
  endIfIdle(): void
}

/** Begins to serve a connection. `unread` is input that another process has read but not handled. */
export type OpenLine = (socket: Socket, luggage: Luggage, unread: Uint8Array) => void

/** Time between two reports, in milliseconds. */
export const REPORT_MS = 250
/** The same for a reader whose only connection is idle. */
const MOST_REPORT_MS = 10_000
/** Time between two checks of the memory, each of which takes the kernel 10 ms per gigabyte. */
const MEMORY_LOOK_MS = 1000
/** Maximum number of connections that one message acknowledges, to limit its length. */
const MOST_TOLD = 1000
const PAGE_BYTES = 4096
/** Time in milliseconds that clients in the middle of a request have to send the rest once their reader must end. */
const STUCK_MS = 2000
/** Maximum time in milliseconds for the remaining work of handlers once clients have been answered or moved. */
const LINGER_MS = 1000
/** Time in milliseconds after an answer or part of a request during which the next is probably on its way. */
export const LEAST_REST_MS = 500

/** In a reader: takes connections from the parent, counts their requests, and gives them back in the end. */
export class ReaderProcess {
  readonly server: Server
  readonly plan: Plan
  /** Time of its fork, by `uptimeMs`. */
  readonly forkedAt: number
  readonly #openLine: OpenLine
  readonly #lines = new Set<Line>()
  /** Lines with an unread request. Given back, the client would move from reader to reader. */
  readonly #owing = new Set<Line>()
  readonly #handover: Handover
  readonly #link: number
  readonly #open = new Set<Socket>()
  /** Connections that carry nothing yet because the TLS handshake is not over, by descriptor; and since when. */
  readonly #handshaking = new Map<number, { socket: Socket; since: number }>()
  /** Connections to the parent, whose requests may still be on their way when their clients have moved or left. */
  readonly #forwarding = new Set<Socket>()
  #took: number[] = []
  #isTelling = false
  #isRetiring = false
  /** Whether no client can send it another request, except those that cannot move. */
  #readsNoMore = false
  #hurries: Hurry | undefined
  /** Whether it has no client left, and ends when its event loop has nothing left to do. */
  #isLingering = false
  /** Time by which it must have ended, by `uptimeMs`. */
  #drainsUntil = Infinity
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
    // When the handover ends, the parent has ended or given this reader up: further work would be wasted.
    this.#handover = new Handover(
      handover,
      (note, fds) => this.#receive(note, fds),
      () => leave(0),
      () => this.#tellTaken(),
    )
    setInterval(() => this.#report(), reportMs(plan)).unref()
    // It serves from now on.
    this.#tellSoon()
  }

  /**
  Adds a client, whose `retire` is called when this reader must end.

  @param luggage.asks whether the client has sent a request, which is read first.
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

  /** Notes that the TLS handshake of a connection is over. */
  noteSecured(socket: Socket): void {
    this.#handshaking.delete(descriptorOf(socket) ?? -1)
  }

  remove(line: Line): void {
    this.#lines.delete(line)
    this.#owing.delete(line)
  }

  /**
  Receives messages of the parent at the end of `maxAge`. A blocking handler delays the message to retire, and the
  client's next request may be read before it.
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
  Gives an idle connection back to the parent, which hands it to another reader.

  @param unread input that was read but not handled.
  @returns false if there is no room to keep that input.
  */
  giveBack(socket: Socket, luggage: Luggage, unread: Uint8Array = NOTHING): boolean {
    const fd = descriptorOf(socket)
    if (fd === undefined) return true
    const file = unread.length > 0 ? keepUnread(unread) : undefined
    if (unread.length > 0 && file === undefined) return false
    const back = { ...luggage, ...(file !== undefined && { unread: unread.length }) }
    // A connection given back right after it was taken would come back twice, if this process died before its report.
    this.#tellTaken()
    // Before the connection is sent: the next reader calls `resetAtDeath`, and `destroy` here would undo that.
    letLive(socket)
    this.#send({ back, updates: this.#updates }, file === undefined ? [fd] : [fd, file])
    closeFile(file)
    // The parent no longer counts the connection, but this process stays until it is closed.
    if (this.#open.delete(socket))
      this.#forwarding.add(socket.on('close', () => this.#forwarding.delete(socket)))
    socket.destroy()
    return true
  }

  /** Opens a connection to the parent's own server, which sees a client at `whereabouts`. */
  openForwarding(whereabouts: Whereabouts): Socket {
    const { ends } = native().openSocketPair()
    if (!ends) throw new Error('no file descriptor is left for a connection to the parent')
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

  /** Forwards an update to the parent. Blocks while the parent is behind. */
  forwardUpdate(update: Forwarded): void {
    native().writeAll(this.#link, encodeValue(KIND.value, update))
    this.#updates++
  }

  #receive(note: Note | undefined, fds: number[]): void {
    if (note && 'take' in note) this.#take(note.take, note.with, fds)
    else if (note && 'retire' in note) this.#retire(note.retire)
    else if (note && 'hurry' in note) this.#hurry(note.hurry)
  }

  #take(id: number, luggage: Luggage, [fd, file]: number[]): void {
    const { unread = 0 } = luggage
    if (fd === undefined || (unread > 0 && file === undefined)) {
      closeFile(fd)
      this.#send({ missed: id })
      return
    }
    this.#took.push(id)
    const bytes = takeUnread(file, unread)
    // Input from another process is handled immediately, and may end this one. The connection already counts as open.
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
    if (isTls(this.server)) this.#handshaking.set(fd, { socket, since: uptimeMs() })
    socket.on('close', () => {
      this.#open.delete(socket)
      if (this.#handshaking.get(fd)?.socket === socket) this.#handshaking.delete(fd)
      this.#tellSoon()
    })
    this.#openLine(socket, luggage, bytes)
  }

  #retire(withinMs: number): void {
    this.#drainsUntil = uptimeMs() + withinMs
    if (this.#isLingering) leaveWhenDone(this.#lingersMs)
    if (!this.#isRetiring) {
      this.#isRetiring = true
      for (const line of [...this.#lines]) if (!this.#owing.has(line)) line.retire()
      untilRead(() => {
        this.#readsNoMore = true
        this.#tellSoon()
      })
    }
    // The parent may repeat the message, to end this reader sooner.
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

  #hurry(hurry: Hurry): void {
    if (this.#isLingering && hurry === 'half') leave(0)
    const isFirst = this.#hurries === undefined
    if (this.#hurries !== 'half') this.#hurries = hurry
    if (isFirst) setInterval(() => this.#endAtRest(), REPORT_MS).unref()
    this.#endAtRest()
  }

  #endAtRest(): void {
    const hurry = this.#hurries ?? 'rest'
    for (const line of [...this.#lines]) line.endAtRest(hurry)
    if (hurry === 'rest') return
    for (const { socket, since } of [...this.#handshaking.values()])
      if (uptimeMs() - since >= LEAST_REST_MS) socket.destroy()
  }

  /** Reports connections taken and closed in this turn to the parent, and lingers if no client is left. */
  #tellSoon(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      this.#tell()
      if (this.#isRetiring && this.#open.size + this.#forwarding.size === 0) this.#linger()
    })
  }

  /** Lets the remaining work of handlers continue for a while, then ends. */
  #linger(): void {
    if (this.#isLingering) return
    this.#isLingering = true
    this.#report()
    if (this.#hurries === 'half') leave(0)
    leaveWhenDone(this.#lingersMs)
  }

  /** Time left for the work of handlers, in milliseconds. Only one generation lingers at a time. */
  get #lingersMs(): number {
    return Math.min(LINGER_MS, this.plan.maxAge, this.#drainsUntil - uptimeMs())
  }

  /**
  Reports connections in the turn in which they were taken, before anything is read from them: a connection that a
  reader has not taken when it dies goes to another one. An immediate may run after the poll that reads it.
  */
  #tellTaken(): void {
    if (this.#took.length > 0) this.#tell()
  }

  /** @param more number of connections that are about to be open. */
  #tell(more = 0): void {
    do {
      this.#send({
        took: this.#took.splice(0, MOST_TOLD),
        open: this.#open.size + more,
        retired: this.#readsNoMore,
      })
    } while (this.#took.length > 0)
  }

  /** Also reports between two ticks of a long interval. */
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
    return bytes >= maxMemory ? `it uses ${bytes} bytes of its own memory` : undefined
  }

  /** Memory of this process alone; 0 while page faults and RSS show that it is below `most`, or between two checks. */
  #ownBytes(most: number): number {
    const copied = (process.resourceUsage().minorPageFault - this.#faultsAtStart) * PAGE_BYTES
    // One fault may map a huge page.
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

/** RSS of this process, in bytes; 0 if no descriptor is left to read it. */
function rssNow(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return 0
  }
}
