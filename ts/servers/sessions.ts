import type { Server, Socket } from 'node:net'
import { type Callable, calledInClones } from '../clone-context/ahead.js'
import { leave, reportError } from '../clone-context/leave.js'
import { handlers } from '../handlers.js'
import { native } from '../native.js'
import { process } from '../node.js'
import { type Expect, expectServingOptions, type ServingOptions } from '../options.js'
import { isInline } from '../settings.js'
import { expectFunction, expectOneOf } from '../validate.js'
import { atNext, close, cut, mayBeHalfOpen, startReading, stopReading, untilLetGo } from './connection.js'
import { type Dialogue, openDialogue } from './dialogue.js'
import { EXPECT_OF_SPEAKING, replyTo, type SpeakingOptions } from './evaluate.js'
import { type Line, serve } from './serve.js'
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
} from './shim.js'

/** What {@link cloneSessions} takes. */
export interface SessionOptions extends ServingOptions, Partial<SpeakingOptions> {
  /**
  Says, by the socket, or by the request of an upgrade, which clients get a clone. The parent serves the others.

  @default all of them
  */
  readonly match?: (client: never) => boolean

  /**
  When there is a clone: at once, or when the client has sent something. A client that says nothing then holds none;
  but in a protocol in which the server speaks first, neither would ever speak.

  @default 'connection'
  */
  readonly when?: 'connection' | 'data'

  /**
  For how many milliseconds a clone may go on after its client has left. Then it is ended.

  @default 1000
  */
  readonly farewell?: number
}

const FAREWELL_MS = 1000

/**
Gives each client of a server a clone of its own: a snapshot, which is there until the client leaves. Who connects
anew gets a fresh one.

With a server of `node:net` or `node:tls` the clone's listeners for `connection` or `secureConnection` serve the
client, or, with `codec` and `evaluate`, this library does, once the client has been let in. With one of HTTP it is
the clients that upgrade, to WebSocket perhaps, by the listeners for `upgrade`.

@returns an undo: clients that come later are for the server's own listeners.
@throws {TypeError} or {@link RangeError} when `server` is served by clones already, or on an option that is unknown or
of no use.
*/
export function cloneSessions(server: Server, options: SessionOptions = {}): Undo {
  expectServer(server)
  expectCloneable()
  expectServingOptions(options, {
    ...EXPECT_OF_SPEAKING,
    match: expectFunction as Expect,
    when: (value, name) => expectOneOf(value, name, ['connection', 'data']),
    farewell: EXPECT_OF_SPEAKING.greetingTimeout as Expect,
  })
  const { codec, evaluate } = options
  if ((codec === undefined) !== (evaluate === undefined)) {
    throw new TypeError('Expected `codec` and `evaluate` to be given together')
  }
  if (codec && isHttp(server)) {
    throw new TypeError(
      'Expected no `codec` with a server of HTTP: what its clients upgrade to is for its listeners',
    )
  }
  const connections = new Set<Socket>()
  const take: Taker = (next, ...args) => {
    const socket = args.at(isHttp(server) ? 1 : 0) as Socket
    const [client] = args as [never]
    // What is upgraded before its body has arrived is no connection yet.
    const isConnection = 'setKeepAlive' in socket
    const chosen = !isInline() && choose(options.match ?? (() => true), client)
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
    const calls = (evaluate ? [evaluate] : server.listeners(eventOf(server))) as Callable[]
    session(socket, options, () => next(...args), calls).catch((error) => {
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

/** Serves a client in this process. Undefined, and its connection is reset, when the codec throws. */
function speak(socket: Socket, { codec, evaluate, update, greetingTimeout }: SpeakingOptions) {
  return openDialogue(socket, codec, greetingTimeout, {
    onUpdate: update,
    onQuery: (query, conversation) => replyTo(query, conversation, evaluate),
  })
}

async function session(
  socket: Socket,
  options: SessionOptions,
  listen: () => void,
  calls: readonly Callable[],
): Promise<void> {
  const { codec, evaluate, match: _, when = 'connection', farewell = FAREWELL_MS, ...rest } = options
  const { update: __, greetingTimeout: ___, ...cloneOptions } = rest
  // To be reset while it waits for its clone is nothing out of the ordinary: `close` follows.
  socket.on('error', () => {})
  let begin = listen
  if (codec && evaluate) {
    const dialogue = speak(socket, options as SpeakingOptions)
    if (!dialogue) return
    await letIn(dialogue, when === 'data')
    begin = () => dialogue.resume()
  } else if (when === 'data') {
    await firstData(socket)
  }
  // A request before the upgrade may still be answered on this connection.
  await untilLetGo(socket)
  if (socket.destroyed) return
  stopReading(socket)
  const served = await serve({
    event: 'session',
    name: options.name ?? evaluate?.name ?? 'session',
    options: cloneOptions,
    socket,
    halfOpen: mayBeHalfOpen(socket),
    awaitsBody: false,
    farewell,
    linger: Infinity,
    readDone: () => {
      throw new Error('a session tells nothing of its end')
    },
    inClone: (line) => beInSession(socket, line, begin),
    calls: [begin, ...calls],
  })
  if ('how' in served || socket.destroyed) return
  // How the clone ended the session is how it ends.
  if (served.error.status?.status === 0) close(socket)
  else cut(socket)
}

/** In the clone. */
function beInSession(socket: Socket, line: Line, begin: () => void): void {
  // From now on the session's end is the client's, and this clone's.
  line.begun()
  native().holdLoop(true)
  process.once('exit', () => handlers.inSessionEnd.call(socket))
  socket.on('close', () => leave(Number(process.exitCode ?? 0)))
  startReading(socket)
  handlers.inSession.call(socket)
  begin()
}

/**
Waits until the client has been let in. What it sends behind its greeting is left lying.

@param unheard whether a client that needs no greeting is to be waited for until it has sent something.
*/
function letIn(dialogue: Dialogue, unheard: boolean): Promise<void> {
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
    if (!unheard) look()
  })
}

/** Waits until the client has sent something, which stays in the socket's buffer. */
function firstData(socket: Socket): Promise<void> {
  return new Promise((resolve) => atNext(socket, 'readable', resolve))
}

calledInClones(beInSession, startReading)
