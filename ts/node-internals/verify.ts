import { Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { native } from '../native.js'
import { fromFailure, QcloneError } from '../types/errors.js'
import { verifyActiveHandles } from './active-handles.js'
import { verifyClosing } from './closed-sockets.js'
import { verifyEvents } from './events.js'
import { handleOf, verifyDatagrams, verifyHandle } from './handles.js'
import { verifyAgents } from './http-agents.js'
import { verifyConnectionsList, verifyParsers } from './http-parsers.js'
import { verifyPassingOn, verifyResponses } from './http-responses.js'
import { verifyLoadedModules } from './http2.js'
import { verifyOwnListeners } from './own-listeners.js'
import { process } from './process.js'
import { verifyCluster } from './process-channel.js'
import { verifyExit, verifyUnlocked } from './process-exit.js'
import { verifyResolvers } from './resolvers.js'
import { verifyAccepted, verifySocket } from './sockets.js'
import { verifyStreams } from './streams.js'

let isVerified = false
let isHttpVerified = false
let isVerifiedForReaders = false

/**
Checks, once and before the first fork, the undocumented parts of Node that every clone relies on. Variables of Node's
own files are checked by the functions that find them.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED`, which names the fact that does not hold; `ERR_QCLONE_FORK` if there is
no descriptor for the socket that is checked.
*/
export function verifyInternals(): void {
  // A Worker cannot clone, and its `process` lacks some parts.
  if (!isMainThread) return
  // At each fork, since other code can freeze the process at any time.
  verifyUnlocked()
  if (isVerified) return
  verifyExit()
  verifyEvents()
  verifyStreams()
  verifyActiveHandles()
  verifyLoadedModules()
  verifyCluster()
  verifyAgents()
  verifyResolvers()
  verifyDatagrams()
  withSocket((socket, fd) => {
    verifySocket(socket)
    verifyHandle(socket, fd)
  })
  isVerified = true
}

/**
Checks, once, the undocumented parts of Node that clones rely on to answer HTTP requests.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED`, which names the fact that does not hold.
*/
export function verifyHttpInternals(): void {
  if (isHttpVerified || !isMainThread) return
  verifyResponses()
  verifyParsers()
  verifyOwnListeners()
  verifyClosing()
  isHttpVerified = true
}

/**
Checks, once, the undocumented parts of Node that readers rely on.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED`, which names the fact that does not hold.
*/
export function verifyReaderInternals(): void {
  if (isVerifiedForReaders || !isMainThread) return
  verifyAccepted()
  verifyConnectionsList()
  verifyPassingOn()
  isVerifiedForReaders = true
}

/**
Checks whether this process may open the sockets that a clone answers through. Node 26 requires `--allow-net`, even for
socket pairs and pipes.

@throws {QcloneError} `ERR_QCLONE_UNSUPPORTED` where the permission model denies them.
*/
export function expectSockets(): void {
  const { permission } = process as { permission?: { has(scope: string): boolean } }
  if (permission?.has('net') !== false || !process.allowedNodeEnvironmentFlags.has('--allow-net')) return
  throw new QcloneError(
    'ERR_QCLONE_UNSUPPORTED',
    'no clone was made: the permission model denies the sockets that clones answer through; start Node.js with `--allow-net`',
  )
}

/** Closes a socket through its handle: `destroy` would open `process.stderr`, to compare the socket with it. */
function close(socket: Socket): void {
  const handle = handleOf(socket)
  if (typeof handle?.close === 'function') handle.close()
  else socket.destroy()
}

/**
Calls `look` with a socket that is open and reading until `look` returns. Does nothing where the permission model denies
sockets (since Node 26): a process without sockets has none to silence.
*/
function withSocket(look: (socket: Socket, fd: number) => void): void {
  const { ends, failure } = native().openSocketPair()
  if (failure) throw fromFailure(failure)
  const [fd, other] = ends as [number, number]
  try {
    const socket = openSocket(fd)
    if (!socket) {
      native().closePipeEnd(fd)
      return
    }
    try {
      look(socket, fd)
    } finally {
      close(socket)
    }
  } finally {
    native().closePipeEnd(other)
  }
}

function openSocket(fd: number): Socket | undefined {
  try {
    return new Socket({ fd })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED') return undefined
    throw error
  }
}
