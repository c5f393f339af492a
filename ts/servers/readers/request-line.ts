import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { msUntil, setImmediate, uptimeMs } from '../../node-internals/clock.js'
import { isBetweenRequests } from '../../node-internals/http-parsers.js'
import { closeIfSilent, hold, letGo, whileOpen } from '../client-connection.js'
import { keepBackUntilWhole } from '../http/keep-back.js'
import { choose } from '../intercept.js'
import { forward, whenOver } from './forward.js'
import type { Luggage } from './note.js'
import type { Line, ReaderProcess } from './reader-process.js'

/** Time in milliseconds after an answer in which the next request is probably on its way. */
const LEAST_REST_MS = 500

/** In a reader: a client of an HTTP server. */
export class RequestLine implements Line {
  readonly #reader: ReaderProcess
  readonly #socket: Socket
  readonly #isMovable: boolean
  /** Requests that have no whole answer yet. */
  #underWay = 0
  #isUpgraded = false
  #isHeld = false
  /** Whether this reader should answer nothing more. */
  #isLeaving = false
  /** Whether its next answer ends the connection. */
  #endsWithAnswer = false
  /** Time until which the client has had something forwarded that its next answers must show, by `uptimeMs`. */
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
    // Node starts this time at the end of an answer, and another process has answered the client before.
    if (restsUntil !== undefined) closeIfSilent(socket, msUntil(restsUntil))
    if (answered) this.#moveBeforeLate()
    socket.on('close', () => reader.remove(this))
    reader.add(this, luggage)
  }

  /**
  Takes a request: has it answered here by `next`, or by the parent.

  @param isAsking whether the client waits to be told to send its body, and nobody has told it yet.
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
    // Its body may be over after its answer.
    request.on('close', () => this.#settleSoon())
    if (this.#isLeaving) {
      this.#settleSoon()
      // The client has to connect again after this answer.
      if (!this.#isMovable || this.#endsWithAnswer) response.shouldKeepAlive = false
    }
    const reads = this.#reads(request, response)
    if (reads === undefined) return true
    if (reads && !this.#isStale) {
      // One answer of a connection at a time can be kept back.
      if (this.#underWay === 1) keepBackUntilWhole(request, response, this.#socket)
      return next()
    }
    this.#forwarded = this.#forwarded.then(() =>
      forward(reader, request, response, { isAsking, changes: !reads }),
    )
    return true
  }

  /** Notes that the connection no longer carries requests. It stays with this reader. */
  upgrade(): void {
    this.#isUpgraded = true
  }

  retire(): void {
    this.#isLeaving = true
    this.#settle()
  }

  endAtRest(): void {
    const isAtRest = this.#underWay === 0 && !this.#isUpgraded
    if (!isAtRest || uptimeMs() - this.#restsSince < LEAST_REST_MS) return
    if (isBetweenRequests(this.#socket, this.#server)) this.#socket.destroySoon()
  }

  endIfStuck(): void {
    if (!this.#isMovable || this.#underWay > 0 || this.#isUpgraded) return
    // A client of many requests, each time in the middle of one, can end with the answer to it.
    if (uptimeMs() - this.#restsSince < LEAST_REST_MS) this.#endsWithAnswer = true
    else this.#socket.destroySoon()
  }

  endIfIdle(): void {
    if (this.#underWay === 0 || this.#isUpgraded) this.#socket.destroySoon()
  }

  get #server(): HttpServer {
    return this.#reader.server as HttpServer
  }

  /** Whether the parent answers the client, since this reader's snapshot is too old for it. */
  get #isStale(): boolean {
    // What cannot move gets what the others get all the same.
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
      // Until it is over, it may change something at any time.
      this.#wroteAt = Infinity
    }
    return chosen
  }

  /**
  Moves a client on that stays silent. Node waits for the first request of a connection as long as for one that has
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
    response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' })
    response.end(`${response.statusMessage}\n`)
  }

  #settleSoon(): void {
    if (this.#isLeaving) setImmediate(() => this.#settle())
  }

  /** Stops reading between two requests, and gives the client back once all that were read are answered. */
  #settle(): void {
    const socket = this.#socket
    if (!this.#isLeaving || !this.#isMovable || this.#isUpgraded || socket.writableEnded) return
    if (!this.#isHeld) {
      if (!isBetweenRequests(socket, this.#server)) return
      this.#isHeld = true
      hold(socket)
    }
    if (this.#underWay > 0) return
    if (socket.writableLength > 0) {
      // Called once everything before it has left.
      socket.write('', () => this.#settleSoon())
      return
    }
    // A listener of `data` reads the connection, and its chunks wait for it in the stream.
    if (socket.readableLength > 0) {
      this.#isLeaving = false
      this.#isHeld = false
      letGo(socket)
      return
    }
    this.#reader.giveBack(socket, this.#luggage())
  }

  #luggage(): Luggage {
    return {
      answered: this.#isAnswered,
      ...(this.#idleUntil !== undefined && { idleUntil: this.#idleUntil }),
      ...(this.#wroteAt !== undefined && { wroteAt: this.#wroteAt }),
    }
  }
}

/** Time until which Node keeps a connection that rests from now on, by `uptimeMs`. */
function keptUntil(server: HttpServer): number | undefined {
  // Node waits longer than it tells the client, before Node.js 22.19 always by as much.
  const { keepAliveTimeout, keepAliveTimeoutBuffer = 1000 } = server as HttpServer & {
    keepAliveTimeoutBuffer?: number
  }
  return keepAliveTimeout > 0 ? uptimeMs() + keepAliveTimeout + keepAliveTimeoutBuffer : undefined
}
