import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import { leave, leaveWhenDone, reportError, STATUS_OF_ERROR } from '../../in-clone/exit.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { native } from '../../native.js'
import { nextTick } from '../../node-internals/clock.js'
import { process } from '../../node-internals/process.js'
import { startReading, stopReading } from '../../node-internals/sockets.js'
import { handlers } from '../../observe/handlers.js'
import { EXPECT_OF_SERVING, type ServingOptions, servingOptionsOf } from '../../options/clone-options.js'
import { isInline } from '../../options/settings.js'
import {
  type Expectations,
  expectEach,
  expectFunction,
  expectMilliseconds,
  expectOneOf,
  LONGEST_TIMEOUT_MS,
} from '../../options/validate.js'
import type { Callable } from '../../types/callable.js'
import { atNext, close, cut, mayBeHalfOpen, parserAtRest, untilLetGo } from '../client-connection.js'
import {
  choose,
  expectCloneable,
  expectServer,
  isHttp,
  isTls,
  keepWhileOpen,
  shimServer,
  type Taker,
  type Undo,
} from '../intercept.js'
import { leaveSocketListeners } from '../leave-listeners.js'
import { type Line, serve } from '../serve-client.js'
import { type Dialogue, openDialogue } from './dialogue.js'
import { EXPECT_OF_SPEAKING, replyTo, type SpeakingOptions } from './evaluate.js'

/** Client as the listeners of a server get it: a socket, or the request of an upgrade. */
export type SessionClient<S extends Server> = S extends HttpServer | HttpsServer
  ? IncomingMessage
  : S extends TlsServer
    ? TLSSocket
    : Socket

/** Options of {@link cloneSessions}. */
export interface SessionOptions<S extends Server = Server> extends ServingOptions, Partial<SpeakingOptions> {
  /**
  Whether the client gets a clone. The parent serves the others. If it throws, the error is printed and the connection
  is reset.

  @default all clients
  */
  readonly filter?: (client: SessionClient<S>) => boolean

  /**
  When to fork. With `'data'`, a client has no clone until it has sent something, so a client that only connects holds
  none. Do not use `'data'` for protocols in which the server speaks first.

  @default 'connection'
  */
  readonly forkOn?: 'connection' | 'data'

  /**
  Maximum time in milliseconds a clone continues after its client has left. Then it is terminated.

  @default 1000
  */
  readonly disconnectTimeout?: number
}

const EXPECT: Expectations<SessionOptions> = {
  ...EXPECT_OF_SERVING,
  ...EXPECT_OF_SPEAKING,
  filter: expectFunction,
  forkOn: (value, name) => expectOneOf(value, name, ['connection', 'data']),
  disconnectTimeout: expectMilliseconds,
}

const SESSION_DISCONNECT_TIMEOUT_MS = 1000

/** Maximum time in milliseconds a clone takes to exit after that. */
const EXIT_TIMEOUT_MS = 1000

/**
Gives each connection a clone: a snapshot that lasts until the client leaves. A client that reconnects gets a fresh one.

In the clone, the server's listeners for `connection` serve the client (`secureConnection` for TLS; `upgrade` for HTTP,
such as WebSocket with `ws`). With `codec` and `evaluate`, this library serves the client once it has been let in.

@returns an undo function: new clients go to the server's own listeners.
@throws {TypeError} if `server` has clones for sessions or queries already.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where no clone can ever be made.

@example
```js
import { connect, createServer } from 'node:net'
import { cloneSessions, isClone } from 'node-qclone'

const server = createServer((socket) => socket.end(`in a clone: ${isClone()}`))
cloneSessions(server)
server.listen(0, () => {
  const socket = connect(server.address().port)
  socket.on('data', (text) => console.log(String(text))) // in a clone: true
  socket.on('end', () => server.close())
})
```
*/
export function cloneSessions<S extends Server>(server: S, options: SessionOptions<S> = {}): Undo {
  expectServer(server)
  expectCloneable(server)
  expectEach(options, EXPECT)
  const { codec, evaluate, filter = () => true } = options
  if ((codec === undefined) !== (evaluate === undefined)) {
    throw new TypeError('Expected `codec` and `evaluate` to be given together')
  }
  for (const name of ['onUpdate', 'handshakeTimeout'] as const) {
    if (codec || options[name] === undefined) continue
    throw new TypeError(
      `Expected \`${name}\` only with \`codec\` and \`evaluate\`: without them the server's listeners serve the clients`,
    )
  }
  if (codec && isHttp(server)) {
    throw new TypeError(
      'Expected no `codec` with an HTTP server: its listeners for `upgrade` serve the clients',
    )
  }
  const connections = new Set<Socket>()
  const take: Taker = (next, ...args) => {
    const socket = args.at(isHttp(server) ? 1 : 0) as Socket
    const [client] = args as [SessionClient<S>]
    // If a request upgrades before its body has arrived, Node passes a stream that is not the connection.
    const isConnection = 'setKeepAlive' in socket
    const chosen = !isInline() && choose(filter, client)
    if (chosen === undefined || (chosen && !isConnection)) {
      cut(socket)
      return true
    }
    if (!chosen) {
      if (!codec || !evaluate) return next(...args)
      keepWhileOpen(socket, connections)
      speak(socket, options as SpeakingOptions)
      return true
    }
    keepWhileOpen(socket, connections)
    session(server, socket, options, () => next(...args)).catch((error) => {
      reportError(error)
      cut(socket)
    })
    return true
  }
  return shimServer(server, 'sessions', { [eventOf(server)]: take }, connections)
}

function eventOf(server: Server): string {
  if (isHttp(server)) return 'upgrade'
  return isTls(server) ? 'secureConnection' : 'connection'
}

/** Serves a client in this process. Returns undefined and resets the connection if the codec throws. */
function speak(socket: Socket, { codec, evaluate, onUpdate, handshakeTimeout }: SpeakingOptions) {
  return openDialogue(socket, codec, handshakeTimeout, {
    onUpdate,
    onQuery: (query, conversation) => replyTo(query, conversation, evaluate),
  })
}

async function session(
  server: Server,
  socket: Socket,
  options: Omit<SessionOptions, 'filter'>,
  listen: () => void,
): Promise<void> {
  const {
    codec,
    evaluate,
    forkOn = 'connection',
    disconnectTimeout = SESSION_DISCONNECT_TIMEOUT_MS,
  } = options
  // A reset while the client waits for its clone is ordinary: `close` follows.
  socket.on('error', () => {})
  let begin = listen
  if (codec && evaluate) {
    const dialogue = speak(socket, options as SpeakingOptions)
    if (!dialogue) return
    await letIn(dialogue, forkOn === 'data')
    begin = () => dialogue.resume()
  } else if (forkOn === 'data') {
    await firstData(socket)
  }
  // A clone may still be answering an earlier request on this connection. One whose body came with the upgrade has no
  // clone before the parser is at rest.
  if (isHttp(server)) await parserAtRest()
  await untilLetGo(socket)
  if (socket.destroyed) return
  stopReading(socket)
  const calls = (evaluate ? [evaluate] : server.listeners(eventOf(server))) as Callable[]
  const served = await serve({
    kind: 'session',
    name: options.name ?? evaluate?.name ?? 'session',
    options: servingOptionsOf(options),
    socket,
    halfOpen: mayBeHalfOpen(socket),
    awaitsBody: false,
    disconnectTimeout,
    // The clone exits by itself in time, unless it hangs.
    afterResponseTimeout: Math.min(disconnectTimeout + EXIT_TIMEOUT_MS, LONGEST_TIMEOUT_MS),
    readDone: (how) => {
      if (how !== undefined) throw new Error('a session has no result')
    },
    inClone: (line) => beInSession(socket, line, disconnectTimeout, begin),
    calls: [begin, ...calls],
  })
  if (socket.destroyed) return
  // A clone that exits with status 0 has ended the session normally.
  if ('how' in served || served.error.status?.status === 0) close(socket)
  else cut(socket)
}

/** In the clone: serves the session until its connection is closed. */
function beInSession(socket: Socket, line: Line, disconnectTimeout: number, begin: () => void): void {
  // The client may receive something from now on.
  line.begun()
  leaveSocketListeners(socket, ['close'])
  native().holdLoop(true)
  process.once('exit', () => handlers.inSessionEnd.call(socket))
  // Runs after all listeners of the event: the handler adds its own later.
  socket.on('close', () => nextTick(() => wrapUp(line, disconnectTimeout)))
  startReading(socket)
  handlers.inSession.call(socket)
  begin()
}

/** In the clone: reports that the connection is closed, and lets the handler's remaining work continue for a while. */
function wrapUp(line: Line, disconnectTimeout: number): void {
  const status = Number(process.exitCode ?? 0)
  // The parent resets the connection of a clone that exits with another status.
  if (status !== 0) leave(status)
  try {
    line.done()
  } catch {
    // The parent has given this clone up, or has ended.
    leave(STATUS_OF_ERROR)
  }
  leaveWhenDone(disconnectTimeout)
}

/**
Waits until the client has been let in. Its messages after the greeting wait.

@param needsData whether a client that needs no greeting must have sent something.
*/
function letIn(dialogue: Dialogue, needsData: boolean): Promise<void> {
  const { socket } = dialogue
  dialogue.greet()
  return new Promise((resolve) => {
    const look = () => {
      if (!dialogue.established && !socket.destroyed) return
      socket.off('data', look)
      socket.off('close', look)
      resolve()
    }
    socket.on('data', look)
    socket.on('close', look)
    if (!needsData) look()
  })
}

/** Waits until the client has sent something, which stays in the socket's buffer. */
function firstData(socket: Socket): Promise<void> {
  return new Promise((resolve) => atNext(socket, 'readable', resolve))
}

calledInClones(beInSession, startReading, wrapUp)
