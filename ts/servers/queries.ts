import type { Server, Socket } from 'node:net'
import { calledInClones } from '../clone-context/ahead.js'
import { leave, leaveByError, onUncaught, STATUS_OF_ERROR, waitForAllTimers } from '../clone-context/leave.js'
import { type Conversation, ProtocolError, type Query } from '../codecs/codec.js'
import { handlers } from '../handlers.js'
import { native } from '../native.js'
import { expectServingOptions, type ServingOptions } from '../options.js'
import { isInline } from '../settings.js'
import { cut, descriptorOf, stopReading } from './connection.js'
import { openDialogue } from './dialogue.js'
import { type Evaluate, EXPECT_OF_SPEAKING, replyTo, type SpeakingOptions } from './evaluate.js'
import { FAREWELL_MS, type Line, serve } from './serve.js'
import {
  expectCloneable,
  expectServer,
  isHttp,
  isTls,
  keepWhileOpen,
  shimServer,
  type Taker,
  type Undo,
} from './shim.js'

/** What {@link cloneQueries} takes. */
export interface QueryOptions extends SpeakingOptions, ServingOptions {}

/**
Serves a server's clients by a codec: each query is decoded and evaluated by a clone of its own, which replies to the
client itself. Messages that wait for no reply go to `update` in the parent, so that a feed can publish on the same port.
All that one client sends is done with in order.

@returns an undo: connections that come later are for the server's own listeners. Those that are open stay served.
@throws {TypeError} or {@link RangeError} when `server` is served by clones already, or is one of TLS or HTTP, or on an
option that is unknown or of no use.
*/
export function cloneQueries(server: Server, options: QueryOptions): Undo {
  expectServer(server)
  expectCloneable()
  if (isTls(server) || isHttp(server)) {
    throw new TypeError(
      'Expected `server` to be one of `node:net`: a clone cannot give an encrypted connection back, use `cloneSessions`',
    )
  }
  expectServingOptions(options, EXPECT_OF_SPEAKING)
  const { codec, evaluate, update, greetingTimeout, ...rest } = options
  // Found missing before a client comes.
  EXPECT_OF_SPEAKING.codec?.(codec, 'codec')
  EXPECT_OF_SPEAKING.evaluate?.(evaluate, 'evaluate')
  const connections = new Set<Socket>()
  const take: Taker = (_next, ...args) => {
    const [socket] = args as [Socket]
    keepWhileOpen(socket, connections)
    openDialogue(socket, codec, greetingTimeout, {
      onUpdate: update,
      onQuery: (query, conversation) =>
        isInline()
          ? replyTo(query, conversation, evaluate)
          : haveEvaluated({ query, conversation, socket, options: rest, evaluate }),
    })
    return true
  }
  return shimServer(server, 'queries', { connection: take }, connections)
}

interface Evaluation {
  query: Query
  conversation: Conversation
  socket: Socket
  options: ServingOptions
  evaluate: Evaluate
}

/** What a clone tells: nothing when it has replied, a text when the query is not of the protocol, and why. */
type Outcome = undefined | string

/**
Has a clone evaluate a query and reply. Gives a reply only when the clone could not.

@throws {ProtocolError} when the query turned out not to be of the protocol.
*/
async function haveEvaluated(evaluation: Evaluation): Promise<Uint8Array | undefined> {
  const { query, conversation, socket, options, evaluate } = evaluation
  const served = await serve({
    event: 'query',
    name: options.name ?? evaluate.name,
    options,
    socket,
    halfOpen: socket.allowHalfOpen,
    awaitsBody: false,
    farewell: FAREWELL_MS,
    linger: LINGER_MS,
    readDone: outcomeOf,
    inClone: (line) => evaluateInClone(evaluation, line),
    calls: [evaluate, conversation.reply],
  })
  if ('how' in served) {
    if (served.how !== undefined) throw new ProtocolError(served.how)
    return undefined
  }
  if (socket.destroyed) return undefined
  if (served.left) socket.destroy()
  else if (served.begun || served.stalled) cut(socket)
  else return conversation.fail(query, served.error)
  return undefined
}

function outcomeOf(told: unknown): Outcome {
  if (told === undefined || typeof told === 'string') return told
  throw new Error('it told nothing of a query')
}

/** For how long a clone may take to leave after its reply. */
const LINGER_MS = 1000

/** In the clone. */
function evaluateInClone({ query, conversation, socket, evaluate }: Evaluation, line: Line): void {
  // What the client sends meanwhile is for the parent to read.
  stopReading(socket)
  waitForAllTimers()
  onUncaught((error) => send(socket, line, conversation.fail(query, error)))
  replyTo(query, conversation, tellAndEvaluate.bind(undefined, evaluate)).then(
    send.bind(undefined, socket, line),
    refuse.bind(undefined, line),
  )
}

function tellAndEvaluate(evaluate: Evaluate, value: unknown): unknown {
  handlers.inQuery.call(value)
  return evaluate(value)
}

function send(socket: Socket, line: Line, reply: Uint8Array): never {
  try {
    line.begun()
    native().writeAll(descriptorOf(socket) ?? -1, reply)
    line.done()
  } catch {
    // The client has left, or the parent has.
    return leave(STATUS_OF_ERROR)
  }
  return leave(0)
}

/** How much of a fault is told: a codec may put the query itself into it. */
const MOST_FAULT_CHARACTERS = 4096

/** Leaves the connection to the parent, which closes it. */
function refuse(line: Line, error: unknown): never {
  // There is no other error, unless the codec fails to say what went wrong.
  if (!(error instanceof ProtocolError)) return leaveByError(error)
  try {
    line.done(error.message.slice(0, MOST_FAULT_CHARACTERS))
  } catch {
    // The parent has left.
    return leave(STATUS_OF_ERROR)
  }
  return leave(0)
}

calledInClones(evaluateInClone, stopReading, replyTo, tellAndEvaluate, send, refuse)
