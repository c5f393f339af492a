import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { msUntil, setImmediate, uptimeMs } from '../../node-internals/clock.js'
import { isBetweenRequests } from '../../node-internals/http-parsers.js'
import { closeIfSilent, hold, letGo, mayBeHalfOpen, watchClient, whileOpen } from '../client-connection.js'
import { endWithError } from '../http/end-response.js'
import { keepBackUntilWhole } from '../http/keep-back.js'
import { choose } from '../intercept.js'
import { forward, whenOver } from './forward.js'
import type { Hurry, Luggage } from './note.js'
import { LEAST_REST_MS, type Line, type ReaderProcess } from './reader-process.js'

/** In a reader: a client of an HTTP server. */
export class RequestLine implements Line {
  readonly #reader: ReaderProcess
  readonly #socket: Socket
  readonly #isMovable: boolean
  /** Number of requests without a whole answer so far. */
  #underWay = 0
  #isUpgraded = false
  #isHeld = false
  /** Ends the watch over a client that is held while its answer is under way. */
  #unwatch: (() => void) | undefined
  #hasLeft = false
  /** Whether this reader should answer nothing more. */
  #isLeaving = false
  /** Whether its next answer ends the connection. */
  #endsWithAnswer = false
  /** Time until which the client's writes were forwarded, which its next answers must show, by `uptimeMs`. */
  #wroteAt: number | undefined
  /** Forwarded requests, each after the one before it. */
  #forwarded: Promise<void> = Promise.resolve()
  /** Time until which the client may stay silent, by `uptimeMs`. */
  #idleUntil: number | undefined
  #isAnswered: boolean
  /** Time of its last answer, by `uptimeMs`. */
  #restsSince = uptimeMs()

  /** @param isMovable whether another process can continue the connection. */
  constructor(reader: ReaderProcess, socket: Socket, isMovable: boolean, luggage: Luggage = {}) {
    const { idleUntil, answered = false, wroteAt, asks = false } = luggage
    this.#reader = reader
    this.#socket = socket
    this.#isMovable = isMovable
    this.#isAnswered = answered
    this.#wroteAt = wroteAt
    const { headersTimeout } = this.#server
    const restsUntil = asks ? undefined : idleUntil
    this.#idleUntil =
      restsUntil ?? (answered || headersTimeout === 0 ? undefined : uptimeMs() + headersTimeout)
    // Node starts this timeout at the end of an answer, but another process gave the client's last one.
    if (restsUntil !== undefined) closeIfSilent(socket, msUntil(restsUntil))
    if (answered) this.#moveBeforeLate()
    socket.on('close', () => reader.remove(this))
    reader.add(this, luggage)
  }

  /**
  Handles a request: calls `next` to answer it here, or forwards it to the parent.

  @param isAsking whether the client still waits for permission to send its body.
  */
  handle(
    request: IncomingMessage,
    response: ServerResponse,
    next: () => boolean,
    isAsking: boolean,
  ): boolean {
    const reader = this.#reader
    this.#underWay++
    const over = reader.begin()
    whenOver(request, response, () => {
      over()
      this.#underWay--
      this.#idleUntil = keptUntil(this.#server)
      this.#isAnswered = true
      this.#restsSince = uptimeMs()
      if (this.#wroteAt === Infinity && this.#underWay === 0) this.#wroteAt = uptimeMs()
      reader.catchUp()
      this.#settleSoon()
    })
    // The body of a request may end after the answer.
    request.on('close', () => this.#settleSoon())
    if (this.#isLeaving) {
      this.#settleSoon()
      // The client must reconnect after this answer.
      if (!this.#isMovable || this.#endsWithAnswer) response.shouldKeepAlive = false
    }
    const reads = this.#reads(request, response)
    if (reads === undefined) return true
    if (reads && !this.#isStale) {
      // Only one answer of a connection can be held back at a time.
      if (this.#underWay === 1) keepBackUntilWhole(request, response, this.#socket)
      return next()
    }
    this.#forwarded = this.#forwarded.then(() =>
      forward(reader, request, response, { isAsking, changes: !reads }),
    )
    return true
  }

  /** Records that the connection no longer carries requests. It stays with this reader. */
  upgrade(): void {
    this.#isUpgraded = true
  }

  retire(): void {
    this.#isLeaving = true
    this.#settle()
  }

  endAtRest(hurry: Hurry): void {
    const isAtRest = this.#underWay === 0 && !this.#isUpgraded
    if (!isAtRest || uptimeMs() - this.#restsSince < LEAST_REST_MS) return
    if (hurry === 'half' || isBetweenRequests(this.#socket, this.#server)) this.#socket.destroySoon()
  }

  endIfStuck(): void {
    if (!this.#isMovable || this.#underWay > 0 || this.#isUpgraded) return
    // A client that sends many requests, and is always in the middle of one, can be disconnected after its answer.
    if (uptimeMs() - this.#restsSince < LEAST_REST_MS) this.#endsWithAnswer = true
    else this.#socket.destroySoon()
  }

  endIfIdle(): void {
    if (this.#underWay === 0 || this.#isUpgraded) this.#socket.destroySoon()
  }

  get #server(): HttpServer {
    return this.#reader.server as HttpServer
  }

  /** Whether the parent answers the client because this reader's snapshot is too old for it. */
  get #isStale(): boolean {
    // A client that cannot move gets the same data as the others.
    const isLate = this.#isLeaving && !this.#isMovable
    return isLate || (this.#wroteAt !== undefined && this.#wroteAt >= this.#reader.forkedAt)
  }

  /** Returns whether a request only reads. Undefined if it has been answered. */
  #reads(request: IncomingMessage, response: ServerResponse): boolean | undefined {
    const { filter, readOnly, readYourWrites } = this.#reader.plan
    const chosen = choose(filter, request)
    if (chosen === undefined) return this.#answer(response, 500)
    if (!chosen && readOnly) return this.#answer(response, 405, { allow: 'GET, HEAD, OPTIONS' })
    if (!chosen && readYourWrites) {
      // Until the request is over, it may change something at any time.
      this.#wroteAt = Infinity
    }
    return chosen
  }

  /**
  Moves on a client that stays silent. Node waits for the first request of a connection as long as for one that has
  begun, and then answers 408, although this is not the client's first.
  */
  #moveBeforeLate(): void {
    const { headersTimeout, requestTimeout } = this.#server
    const limits = [headersTimeout, requestTimeout].filter((limit) => limit > 0)
    if (limits.length === 0) return
    whileOpen(this.#socket, Math.min(...limits) / 2, () => {
      if (this.#socket.bytesRead === 0) this.retire()
    })
  }

  #answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): undefined {
    endWithError(response, status, { headers })
  }

  #settleSoon(): void {
    if (this.#isLeaving) setImmediate(() => this.#settle())
  }

  /** Stops reading between two requests, and gives the client back once all requests read are answered. */
  #settle(): void {
    const socket = this.#socket
    if (!this.#isLeaving || !this.#isMovable || this.#isUpgraded || this.#hasLeft) return
    if (socket.writableEnded) return
    if (!this.#isHeld) {
      if (!isBetweenRequests(socket, this.#server)) return
      this.#isHeld = true
      hold(socket)
    }
    if (this.#underWay > 0) {
      this.#watch()
      return
    }
    this.#unwatch?.()
    this.#unwatch = undefined
    if (socket.writableLength > 0) {
      // Called once everything before it has been sent.
      socket.write('', () => this.#settleSoon())
      return
    }
    // A `data` listener reads the connection, and chunks wait for the listener in the stream.
    if (socket.readableLength > 0) {
      this.#isLeaving = false
      this.#isHeld = false
      letGo(socket)
      return
    }
    this.#reader.giveBack(socket, this.#luggage())
  }

  /** Reads again from a client that leaves before it has its answers, so that handlers get the events of plain Node. */
  #watch(): void {
    const socket = this.#socket
    const left = () => {
      this.#hasLeft = true
      letGo(socket)
    }
    try {
      this.#unwatch ??= watchClient(socket, { halfOpen: mayBeHalfOpen(socket) }, left)
    } catch {
      // No descriptor is left. The connection stays held until the reader ends.
    }
  }

  #luggage(): Luggage {
    return {
      answered: this.#isAnswered,
      ...(this.#idleUntil !== undefined && { idleUntil: this.#idleUntil }),
      ...(this.#wroteAt !== undefined && { wroteAt: this.#wroteAt }),
    }
  }
}

/** Time until which Node keeps a connection that is idle from now on, by `uptimeMs`. */
function keptUntil(server: HttpServer): number | undefined {
  // Node waits longer than it announces to the client; before Node.js 22.19, always by this default.
  const { keepAliveTimeout, keepAliveTimeoutBuffer = 1000 } = server as HttpServer & {
    keepAliveTimeoutBuffer?: number
  }
  return keepAliveTimeout > 0 ? uptimeMs() + keepAliveTimeout + keepAliveTimeoutBuffer : undefined
}
