import type { Server, Socket } from 'node:net'
import { types } from 'node:util'
import { type Conversation, isProtocolError, ProtocolError, type Query } from '../../codecs/codec.js'
import { leave, leaveByError, onUncaught, STATUS_OF_ERROR, waitForAllTimers } from '../../in-clone/exit.js'
import { calledInClones } from '../../in-clone/precompile.js'
import { native } from '../../native.js'
import { stopReading } from '../../node-internals/sockets.js'
import { handlers } from '../../observe/handlers.js'
import { EXPECT_OF_SERVING, type ServingOptions, servingOptionsOf } from '../../options/clone-options.js'
import { isInline } from '../../options/settings.js'
import { type Expectations, expectEach, shown } from '../../options/validate.js'
import { cut, descriptorOf } from '../client-connection.js'
import {
  expectCloneable,
  expectServer,
  isHttp,
  isTls,
  keepWhileOpen,
  shimServer,
  type Taker,
  type Undo,
} from '../intercept.js'
import { DISCONNECT_TIMEOUT_MS, type Line, serve } from '../serve-client.js'
import { openDialogue } from './dialogue.js'
import { type Evaluate, EXPECT_OF_SPEAKING, replyTo, type SpeakingOptions } from './evaluate.js'

/** Options of {@link cloneQueries}. */
export interface QueryOptions extends SpeakingOptions, ServingOptions {}

const EXPECT: Expectations<QueryOptions> = { ...EXPECT_OF_SERVING, ...EXPECT_OF_SPEAKING }

/**
Serves clients that speak a codec over a lasting connection. Each query is decoded and evaluated by its own clone, which
sends the reply itself. Messages that expect no reply go to `onUpdate` in the parent, so that a feed can publish on the
same port. Everything one client sends is handled in order.

@returns an undo function: new connections go to the server's own listeners, open ones are still served.
@throws {TypeError} if `server` has clones for queries or sessions already, or is a TLS or HTTP server.
@throws {TypeError} or {@link RangeError} if an option is unknown or invalid.
@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where no clone can ever be made.

@example
```js
import { connect, createServer } from 'node:net'
import { cloneQueries } from 'node-qclone'
import { ndjson } from 'node-qclone/ndjson'

const server = createServer()
const undo = cloneQueries(server, { codec: ndjson(), evaluate: (names) => names.length })
server.listen(0, () => {
  const socket = connect(server.address().port)
  socket.write('{"query": ["a", "b"], "id": 1}\n')
  socket.on('data', (line) => {
    console.log(String(line)) // {"id":1,"result":2}
    undo({ close: true })
    server.close()
  })
})
```
*/
export function cloneQueries(server: Server, options: QueryOptions): Undo {
  expectServer(server)
  expectCloneable(server)
  if (isTls(server) || isHttp(server)) {
    throw new TypeError(
      'Expected `server` to be a plain `net.Server`: the parent cannot continue a TLS or HTTP connection after a clone. Use `cloneSessions`',
    )
  }
  expectEach(options, EXPECT)
  const { codec, evaluate, onUpdate, handshakeTimeout } = options
  // Both are required, and `expectEach` checks only options that are present.
  EXPECT.codec(codec, 'codec')
  EXPECT.evaluate(evaluate, 'evaluate')
  const cloneOptions = servingOptionsOf(options)
  const connections = new Set<Socket>()
  const take: Taker = (_next, ...args) => {
    const [socket] = args as [Socket]
    keepWhileOpen(socket, connections)
    openDialogue(socket, codec, handshakeTimeout, {
      onUpdate,
      onQuery: (query, conversation) =>
        isInline()
          ? replyTo(query, conversation, evaluate)
          : haveEvaluated({ query, conversation, socket, options: cloneOptions, evaluate }),
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

/** Outcome that a clone reports: undefined once it has replied, or the reason why the query is malformed. */
type Outcome = undefined | string

/**
Lets a clone evaluate a query and reply. Returns an error reply only if the clone sent none.

@throws {ProtocolError} if the query turned out to be malformed.
*/
async function haveEvaluated(evaluation: Evaluation): Promise<Uint8Array | undefined> {
  const { query, conversation, socket, options, evaluate } = evaluation
  const served = await serve({
    kind: 'query',
    name: options.name ?? evaluate.name,
    options,
    socket,
    halfOpen: socket.allowHalfOpen,
    awaitsBody: false,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    afterResponseTimeout: AFTER_REPLY_TIMEOUT_MS,
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

function outcomeOf(value: unknown): Outcome {
  if (value === undefined || typeof value === 'string') return value
  throw new Error('it is not the outcome of a query')
}

/** Maximum time in milliseconds a clone takes to exit after its reply. */
const AFTER_REPLY_TIMEOUT_MS = 1000

/** In the clone: evaluates the query and replies. */
function evaluateInClone({ query, conversation, socket, evaluate }: Evaluation, line: Line): void {
  // Meanwhile, the parent reads from the client.
  stopReading(socket)
  waitForAllTimers()
  onUncaught((error) => sendReply(socket, line, conversation.fail(query, error)))
  replyTo(query, conversation, announceAndEvaluate.bind(undefined, evaluate)).then(
    sendReply.bind(undefined, socket, line),
    refuse.bind(undefined, line),
  )
}

function announceAndEvaluate(evaluate: Evaluate, value: unknown): unknown {
  handlers.inQuery.call(value)
  return evaluate(value)
}

function sendReply(socket: Socket, line: Line, reply: Uint8Array): never {
  // An error of the codec, unlike those below.
  if (!types.isUint8Array(reply)) throw new TypeError(`Expected a reply to be bytes, got ${shown(reply)}`)
  try {
    line.begun()
    native().writeAll(descriptorOf(socket) ?? -1, reply)
    line.done()
  } catch {
    // The client has left, or the parent has ended.
    return leave(STATUS_OF_ERROR)
  }
  return leave(0)
}

/** Maximum length of a fault that is reported: a codec may quote the query in it. */
const MOST_FAULT_CHARACTERS = 4096

/** Reports a malformed query to the parent, which resets the connection. */
function refuse(line: Line, error: unknown): never {
  // Any other error means that the codec's `fail` threw.
  if (!isProtocolError(error)) return leaveByError(error)
  try {
    line.done(error.message.slice(0, MOST_FAULT_CHARACTERS))
  } catch {
    // The parent has ended.
    return leave(STATUS_OF_ERROR)
  }
  return leave(0)
}

calledInClones(evaluateInClone, stopReading, replyTo, announceAndEvaluate, sendReply, refuse)
