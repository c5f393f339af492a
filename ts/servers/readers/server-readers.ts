import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { getPriority } from 'node:os'
import type { Conversation, Query } from '../../codecs/codec.js'
import { reportError } from '../../in-clone/exit.js'
import { forkTime } from '../../in-clone/fork-time.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { native } from '../../native.js'
import { clearTimeout, msUntil, nextTick, setTimeout, uptimeMs } from '../../node-internals/clock.js'
import { define } from '../../node-internals/define.js'
import { serveDecrypted, trackAfresh, withLongerHeads } from '../../node-internals/http-parsers.js'
import { process } from '../../node-internals/process.js'
import { enlist, serverOf } from '../../node-internals/sockets.js'
import { handlers } from '../../observe/handlers.js'
import { servingOptionsOf } from '../../options/clone-options.js'
import { onAbort } from '../../options/on-abort.js'
import { isInline } from '../../options/settings.js'
import { type Expectations, expectEach, expectFunction, expectMilliseconds } from '../../options/validate.js'
import { Places, stopSignal } from '../../parent/admission.js'
import { isClone } from '../../parent/fork-point.js'
import { QcloneError } from '../../types/errors.js'
import { closeIfSilent, descriptorOf, hasInput } from '../client-connection.js'
import { distinguishRequestIds } from '../http/request-ids.js'
import { choose, isHttp, isTls, keepWhileOpen, shimServer, type Taker } from '../intercept.js'
import { openDialogue } from '../net/dialogue.js'
import { callUpdate, HANDSHAKE_TIMEOUT_MS, replyTo, type SpeakingOptions } from '../net/evaluate.js'
import { tellOperator } from '../tell-operator.js'
import { openSafely } from './accepted.js'
import type { Crew } from './crew.js'
import { DialogueLine, stateIn } from './dialogue-line.js'
import { FIELDS_ADDED } from './forward.js'
import { Generations, MOST_DRAINING } from './generations.js'
import type { Luggage, Whereabouts } from './note.js'
import { type Plan, planOf, type ReaderOptions } from './options.js'
import { PerConnection } from './per-connection.js'
import { type Owner, recruit, type Waiting } from './reader.js'
import { type Forwarded, ReaderProcess } from './reader-process.js'
import type { CloseOptions, Readers, ReadersEvents, ReadersStats } from './readers.js'
import { RequestLine } from './request-line.js'
import { becomeReader, expectParent } from './role.js'
import { takeUnread } from './unread.js'

/** Places for each reader of a generation: its own, one for the next generation, and those of draining readers. */
const PLACES_PER_READER = MOST_DRAINING + 2
/** Maximum number of connections at a time that have a reader each, as many as kdb+ accepts. */
const MOST_CONNECTIONS = 1020
/** Time in milliseconds that Node gives a client for the TLS handshake (`handshakeTimeout` of `tls.createServer`). */
const TLS_HANDSHAKE_MS = 120_000

const EXPECT_OF_CLOSE: Expectations<CloseOptions> = { drain: expectMilliseconds }

/** Readers of one server. */
export class ServerReaders extends EventEmitter<ReadersEvents> implements Readers {
  readonly ready: Promise<void>
  readonly #server: Server
  readonly #options: ReaderOptions
  readonly #crew: Crew
  readonly #undo: () => void
  readonly #plan: Plan
  /** In the parent: connections over which readers forward requests. Changes are recorded when they end. */
  readonly #forwarded = new WeakSet<Socket>()
  /** In the parent: connections with a request from before the server was closed, which end with the answer. */
  readonly #last = new Set<Socket>()
  /** Whether the server has emitted `close`, which its listeners receive in the end. */
  #isTelling = false
  #isClosed = false
  #hasListened: boolean
  #forgetStop: () => void = () => {}
  /** Called when the server no longer listens, or has been given back. */
  readonly #end = () => {
    if (!this.#isClosed) void this.#close(this.#plan.drainTimeout)
  }
  /** In a reader: this process. */
  #process: ReaderProcess | undefined
  /** In a reader: its clients, by the connection that carries their requests. */
  readonly #lines = new WeakMap<Socket, RequestLine>()

  constructor(server: Server, options: ReaderOptions) {
    super()
    this.#server = server
    this.#options = options
    this.#hasListened = server.listening
    const plan = planOf(options)
    this.#plan = plan
    const places = new Places(
      () => ({
        maxClones: plan.perConnection ? this.#mostConnections * 2 : plan.readers * PLACES_PER_READER,
        maxQueue: Infinity,
      }),
      'readers',
    )
    const name = options.name ?? options.evaluate?.name ?? ''
    const Serving = plan.perConnection ? PerConnection : Generations
    this.#crew = new Serving(plan, {
      recruit: (owner: Owner, generation: number) =>
        recruit(owner, {
          places,
          name,
          // Clients wait for readers all the time, so readers do not give way to the parent as other clones do.
          options: { priority: getPriority(), ...servingOptionsOf(options) },
          generation,
          silenceMs: plan.requestTimeout,
          serve: (ends) => this.#serveInClone(ends, generation, plan),
          calls: server.listeners('request') as never,
        }),
      isGone: () => this.#isGone(),
      serveHere: (waiting) => this.#serveHere(waiting),
      serveForwarded: (...args) => this.#serveForwarded(...args),
      update: (update) => this.#update(update as Forwarded),
      // An error that a listener throws is an ordinary uncaught error, and interrupts nothing here.
      begun: (generation) => nextTick(() => this.emit('generation', generation)),
      died: (message, status) =>
        tellOperator(
          { kind: 'reader', name },
          new QcloneError('ERR_QCLONE_DIED', message, status ? { status } : {}),
        ),
      deferred: (error) => nextTick(() => this.emit('deferred', error)),
      gone: this.#end,
    })
    this.#undo = shimServer(server, 'readers', this.#takers(), undefined, this.#end)
    if (isInline()) {
      this.ready = Promise.resolve()
      return
    }
    this.ready = this.#crew.begin()
    // The caller may not wait for it.
    this.ready.catch(() => {})
    // On a stop, its clones are terminated and no others can be made.
    this.#forgetStop = onAbort(stopSignal(), () => void this.#close(0))
  }

  /** Whether the server has stopped listening. */
  #isGone(): boolean {
    return this.#hasListened && !this.#server.listening
  }

  get generation(): number {
    return this.#crew.generation
  }

  async refresh(): Promise<number> {
    expectParent('refresh')
    return isInline() ? 0 : this.#crew.refresh()
  }

  async update<T>(f: () => T | PromiseLike<T>): Promise<T> {
    expectFunction(f, 'f')
    expectParent('update')
    const value = await f()
    if (isInline() || this.#isClosed) return value
    this.#crew.noteChange()
    try {
      await (this.#plan.maxAge === Infinity ? this.#crew.refresh() : this.#crew.next())
    } catch (error) {
      // The parent serves the changed data.
      if (!this.#isClosed) throw error
    }
    return value
  }

  stats(): ReadersStats {
    const { generation, age, waiting, resting, counts, readers } = this.#crew
    return {
      generation,
      age,
      waiting,
      resting,
      ...counts,
      readers: readers.map(({ clone, generation, isRetiring, load, requests, busy }) => ({
        pid: clone.pid,
        generation,
        draining: isRetiring,
        connections: load,
        requests,
        busy,
      })),
    }
  }

  async close(options: CloseOptions = {}): Promise<void> {
    expectEach(options, EXPECT_OF_CLOSE)
    expectParent('close')
    await this.#close(options.drain ?? this.#plan.drainTimeout)
  }

  async #close(drain: number): Promise<void> {
    // A clone may close the server, but its copy of the readers belongs to the parent.
    if (isClone()) return
    this.#isClosed = true
    this.#forgetStop()
    // A server that is being closed must not emit `close` before its clients have their answers.
    if (!this.#isGone()) this.#undo()
    await this.#crew.close(drain)
    await this.#endLast(drain)
    if (!this.#isTelling) this.#undo()
  }

  /** Waits until requests from before the server was closed have been answered. */
  async #endLast(withinMs: number): Promise<void> {
    const all = [...this.#last]
    const timer = setTimeout(() => {
      for (const socket of all) socket.destroy()
    }, withinMs)
    await Promise.all(all.map((socket) => new Promise((resolve) => socket.on('close', resolve))))
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #takers(): Record<string, Taker> {
    const takeConnection: Taker = (next, ...args) => {
      const [socket] = args as [Socket]
      const isOwn = this.#process !== undefined || OWN.has(socket)
      if (isOwn || !this.#crew.isServing || !isFresh(socket, this.#server))
        return this.#serveOwn(socket, next)
      if (this.#mostConnections && this.#crew.load >= this.#mostConnections) {
        // As Node does, but Node counts only the parent's own connections.
        const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket
        socket.destroy()
        this.#server.emit('drop', {
          localAddress,
          localPort,
          localFamily,
          remoteAddress,
          remotePort,
          remoteFamily,
        })
        return true
      }
      const fd = native().duplicate(descriptorOf(socket) ?? -1)
      // Without a descriptor, the connection cannot move.
      if (fd === null) return this.#serveOwn(socket, next)
      socket.destroy()
      this.#crew.dispatch({ fd, luggage: this.#firstLuggage(), file: undefined })
      return true
    }
    const takeSecured: Taker = (next, ...args) => {
      const [socket] = args as [Socket]
      if (this.#process && !OWN.has(socket)) {
        this.#process.noteSecured(socket)
        this.#openLine(this.#process, socket, { isMovable: false })
      } else if (this.#options.codec) this.#speakHere(socket)
      return this.#options.codec ? true : next(...args)
    }
    const takeRequest =
      (isAsking: boolean): Taker =>
      (next, ...args) => {
        const [request, response] = args as [IncomingMessage, ServerResponse]
        const line = this.#lines.get(request.socket)
        if (this.#last.has(request.socket)) response.shouldKeepAlive = false
        if (!line && !this.#reads(request)) response.on('close', () => this.#crew.noteChange())
        return line ? line.handle(request, response, () => next(...args), isAsking) : next(...args)
      }
    const takeUpgrade: Taker = (next, ...args) => {
      const [request] = args as [IncomingMessage]
      this.#lines.get(request.socket)?.upgrade()
      return next(...args)
    }
    // Clients of the readers have their answers before the server's listeners receive `close`.
    const takeClose: Taker = (next, ...args) => {
      if (isInline() || isClone()) return next(...args)
      // Node emits `close` again whenever the last connection ends, and the parent gets connections from readers.
      if (this.#isTelling) return true
      this.#isTelling = true
      const whenClosed = () => {
        next(...args)
        this.#isTelling = false
        this.#undo()
      }
      this.#close(this.#plan.drainTimeout).then(whenClosed, whenClosed)
      return true
    }
    const takeListening: Taker = (next, ...args) => {
      this.#hasListened = true
      return next(...args)
    }
    return {
      listening: takeListening,
      close: takeClose,
      connection: takeConnection,
      ...(isTls(this.#server) && { secureConnection: takeSecured }),
      ...(isHttp(this.#server) && {
        request: takeRequest(false),
        checkContinue: takeRequest(true),
        checkExpectation: takeRequest(true),
        upgrade: takeUpgrade,
        connect: takeUpgrade,
      }),
    }
  }

  /** Whether a request that the parent handles can change only data whose changes `version` shows. */
  #reads(request: IncomingMessage): boolean {
    const { version, filter } = this.#plan
    return version === undefined || this.#forwarded.has(request.socket) || choose(filter, request) === true
  }

  /** Maximum number of connections at a time; 0 for no limit. */
  get #mostConnections(): number {
    return this.#server.maxConnections || (this.#plan.perConnection ? MOST_CONNECTIONS : 0)
  }

  /** Luggage of a client without a request so far. It may be idle in the parent for as long as in a reader. */
  #firstLuggage(): Luggage {
    const limit = this.#plan.perConnection ? this.#greetingTimeout : 0
    return limit > 0 ? { idleUntil: uptimeMs() + limit } : {}
  }

  /** Time in milliseconds within which a client must send something; 0 for no limit. */
  get #greetingTimeout(): number {
    const { codec, handshakeTimeout = HANDSHAKE_TIMEOUT_MS } = this.#options
    if (isTls(this.#server)) return TLS_HANDSHAKE_MS
    if (!codec) return (this.#server as HttpServer).headersTimeout
    // A protocol without a greeting may begin at any time.
    return hasGreeting(this.#options) ? handshakeTimeout : 0
  }

  /** Serves a new connection in this process. */
  #serveOwn(socket: Socket, next: (socket: Socket) => boolean): boolean {
    if (isTls(this.#server) || !this.#options.codec) return next(socket)
    if (!this.#process) this.#speakHere(socket)
    return true
  }

  #speakHere(socket: Socket, luggage: Luggage = {}, unread: Uint8Array = NOTHING): void {
    const { codec, evaluate, onUpdate, handshakeTimeout } = this.#options as SpeakingOptions
    const update = (value: unknown) => {
      this.#crew.noteChange()
      return onUpdate?.(value)
    }
    const listener = {
      onUpdate: onUpdate && update,
      onQuery: (query: Query, conversation: Conversation) => replyTo(query, conversation, evaluate),
    }
    const { idleUntil } = luggage
    const timeout = idleUntil === undefined ? handshakeTimeout : msUntil(idleUntil)
    const dialogue = openDialogue(socket, codec, timeout, listener, stateIn(luggage))
    if (!dialogue) return
    if (this.#last.has(socket)) {
      dialogue.onRest = () => {
        if (dialogue.isBetweenMessages) socket.destroySoon()
      }
    }
    dialogue.receiveEarlier(unread)
  }

  /** In the parent: serves a connection that no reader can serve. */
  #serveHere({ fd, luggage, file }: Waiting): void {
    const server = this.#server
    const unread = takeUnread(file, luggage.unread ?? 0)
    native().endAtClose(fd)
    const socket = openSafely(fd, server)
    if (!socket) return
    const asks = luggage.asks === true || (unread && unread.length > 0) || hasInput(fd)
    if (!unread || !(server.listening || asks)) {
      socket.destroySoon()
      return
    }
    enlist(socket, server)
    if (!server.listening) {
      keepWhileOpen(socket, this.#last)
    }
    if (this.#options.codec && !isTls(server)) {
      this.#speakHere(socket, luggage, unread)
      return
    }
    if (luggage.idleUntil !== undefined && !asks) closeIfSilent(socket, msUntil(luggage.idleUntil))
    OWN.add(socket)
    server.emit('connection', socket)
  }

  /** In the parent: handles the requests that a reader forwards, as if their client were connected here. */
  #serveForwarded(fd: number, { encrypted, changes: _, ...addresses }: Whereabouts, over: () => void): void {
    const server = this.#server as HttpServer
    const socket = openSafely(fd, server)
    if (!socket) return
    for (const [name, value] of Object.entries(addresses)) {
      define(socket, name, { value, configurable: true })
    }
    if (encrypted) Object.assign(socket, AS_DECRYPTED)
    const { localAddress: address, localPort: port, remoteFamily: family } = addresses
    Object.assign(socket, AS_FORWARDED, { address: () => ({ address, family, port }) })
    socket.on('close', over)
    enlist(socket, server)
    OWN.add(socket)
    this.#forwarded.add(socket)
    // An HTTPS server handles the requests of decrypted connections, and this one is decrypted.
    withLongerHeads(server, { bytes: BYTES_ADDED, fields: FIELDS_ADDED }, () => {
      if (isTls(server)) serveDecrypted(server, socket)
      else server.emit('connection', socket)
    })
  }

  /** In the parent: handles an update that a reader passes on. */
  #update(update: Forwarded): void {
    const { codec, onUpdate } = this.#options
    if (!codec || !onUpdate) return
    try {
      callUpdate(onUpdate, 'raw' in update ? decode(codec, update) : update.value)
    } catch (error) {
      // The update cannot be decoded.
      reportError(error)
    }
  }

  #serveInClone(
    ends: { handover: number; link: number },
    generation: number,
    plan: ReturnType<typeof planOf>,
  ): void {
    const server = this.#server
    const forkedAt = forkTime()
    becomeReader(generation, forkedAt)
    if (isHttp(server)) {
      trackAfresh(server as HttpServer)
      distinguishRequestIds(`${generation}.${process.pid}`)
    }
    handlers.inReader.call(generation)
    const reader = new ReaderProcess({ server, plan, forkedAt }, ends, (socket, luggage, unread) => {
      if (!isTls(server)) this.#openLine(reader, socket, { isMovable: true, luggage, unread })
      if (isTls(server) || !this.#options.codec) server.emit('connection', socket)
    })
    this.#process = reader
  }

  /** In a reader: begins to serve a client. */
  #openLine(
    reader: ReaderProcess,
    socket: Socket,
    {
      isMovable,
      luggage = {},
      unread = NOTHING,
    }: { isMovable: boolean; luggage?: Luggage; unread?: Uint8Array },
  ): void {
    if (this.#options.codec) {
      const speaking = this.#options as SpeakingOptions
      new DialogueLine(reader, socket, { isMovable, speaking, luggage, unread })
      return
    }
    this.#lines.set(socket, new RequestLine(reader, socket, isMovable, luggage))
  }
}

const NOTHING = Buffer.alloc(0)

/** Whether clients of a codec must send a greeting before they can send a query. */
function hasGreeting({ codec }: ReaderOptions): boolean {
  try {
    return codec?.open().established === false
  } catch {
    // It throws again in the reader, which reports it.
    return true
  }
}

/**
In the parent: connections that a reader has forwarded or given back, which the parent serves. While readers drain, the
server may already have others, which do not know what these clients have seen.
*/
const OWN = new WeakSet<Socket>()

/** Whether a server has just accepted a connection itself. Data read from any other is no longer in its descriptor. */
function isFresh(socket: Socket, server: Server): boolean {
  return serverOf(socket) === server && socket.bytesRead === 0 && socket.readableLength === 0
}

/** Methods of a connection over which a reader forwards requests. The reader closes it, after passing all input on. */
const AS_FORWARDED = {
  destroySoon(this: Socket): void {
    this.end()
  },
  // Node resets TCP connections only. The reader resets the client's.
  resetAndDestroy(this: Socket): Socket {
    return this.destroy()
  },
}

/** Maximum number of bytes that a reader adds to the head of a request. */
const BYTES_ADDED = 128

/** Properties of Node's TLS sockets, without a client certificate, for a connection that a reader has decrypted. */
const AS_DECRYPTED = {
  encrypted: true,
  authorized: false,
  authorizationError: null,
  getPeerCertificate: () => ({}),
  getPeerX509Certificate: () => undefined,
  getCipher: () => undefined,
  getProtocol: () => null,
  getSession: () => undefined,
  isSessionReused: () => false,
}

function decode(
  codec: SpeakingOptions['codec'],
  { raw, state }: { raw: Uint8Array; state: Uint8Array },
): unknown {
  const [message] = codec.open(state).receive(raw)
  if (message?.kind !== 'update')
    throw new Error(`a reader forwarded a message that is not an update of ${codec.name}`)
  return message.value
}

calledInClones(becomeReader, trackAfresh)
