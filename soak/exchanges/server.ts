import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createNet, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { cloneQueries, cloneRequests, cloneSessions, clones, configure } from 'node-qclone'
import { kdb } from 'node-qclone/kdb'
import { ndjson } from 'node-qclone/ndjson'
import { listenOn } from '../../harness/listen.js'
import { children, countDescriptors } from '../../harness/proc.js'
import { readPath } from './ask.js'
import { tellToContinue } from './death.js'
import { DOORS, type Door, HASTY } from './doors.js'
import { evaluate, evaluateLate, MOST_LATE_MS, onUpdate } from './evaluate.js'
import { handle, handleByOffload, pause } from './http-handler.js'
import { serveLines } from './line-handler.js'
import { LATE, type Notice, type Start } from './notices.js'

const MAX_CLONES = 24
const MOST_MESSAGE_BYTES = 1 << 20
const MOST_HEADER_BYTES = 1 << 14

async function serve({ role, key, cert }: Start): Promise<void> {
  const cloning = role === 'cloning'
  configure({ maxClones: MAX_CLONES, inline: !cloning })
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      send({ uncaught: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    })
  }
  const servers: NetServer[] = []
  const isTls: boolean[] = []
  const ports: Record<string, number> = {}
  for (const door of DOORS) {
    for (const late of cloning ? [false] : [false, true]) {
      const server = open(door, { key, cert, late, cloning })
      servers.push(server)
      isTls.push(door.tls === true)
      ports[door.name + (late ? LATE : '')] = await listenOn(server)
    }
  }
  process.on('message', async () => {
    const counts = await Promise.all(servers.map(connectionsOf))
    const countWhere = (tls: boolean) => sum(counts.filter((_, i) => isTls[i] === tls))
    send({
      left: {
        clones: clones().length,
        names: clones().map(({ kind, name }) => `${kind} ${name}`),
        children: children().length,
        connections: countWhere(false),
        tlsConnections: countWhere(true),
        doors: Object.keys(ports).filter((_, i) => counts[i] !== 0),
        descriptors: countDescriptors(),
      },
    })
  })
  process.once('disconnect', () => process.exit(0))
  send({ ports })
}

function send(notice: Notice): void {
  process.send?.(notice)
}

interface Opening {
  key: string
  cert: string
  late: boolean
  cloning: boolean
}

function open(door: Door, opening: Opening): NetServer {
  return door.speaks === undefined ? openHttp(door, opening) : openSpeaking(door, opening)
}

function openHttp(door: Door, { key, cert, late, cloning }: Opening): Server {
  const { kind, tls, hasty, halfOpen, maxBufferedBody, asksFirst } = door
  const now = kind === 'offload' ? handleByOffload : handle
  const listener: RequestListener = late ? lately(now) : now
  const options = { ...(hasty && HASTY), keepAliveTimeout: 0, maxHeaderSize: MOST_HEADER_BYTES }
  const server = tls ? createHttps({ ...options, key, cert }, listener) : createHttp(options, listener)
  Object.assign(server, { httpAllowHalfOpen: halfOpen === true })
  if (asksFirst) {
    server.on('checkContinue', (request, response) => {
      if (readPath(request.url ?? '')?.act === 'empty') {
        response.writeHead(417)
        response.end()
        return
      }
      tellToContinue(response)
      listener(request, response)
    })
  }
  if (cloning && kind !== 'offload') {
    cloneRequests(server, {
      filter: (request) => readPath(request.url ?? '')?.byParent !== true,
      ...(maxBufferedBody !== undefined && { maxBufferedBody }),
      priority: 0,
    })
  }
  return server
}

/** Delays a handler, as a clone would. */
function lately(listener: RequestListener): RequestListener {
  return async (request, response) => {
    await pause(1 + Math.floor(Math.random() * MOST_LATE_MS))
    listener(request, response)
  }
}

function openSpeaking(door: Door, { key, cert, late, cloning }: Opening): NetServer {
  const { kind, tls, halfOpen = false, speaks, forkOn = 'connection' } = door
  const listener = (socket: Socket) => {
    if (forkOn === 'connection' && speaks === 'lines') socket.write('hello\n')
    serveLines(socket)
  }
  const options = { allowHalfOpen: halfOpen }
  const server = tls ? createTls({ ...options, key, cert }, listener) : createNet(options, listener)
  const common = { priority: 0 }
  if (speaks === 'lines') {
    if (cloning) cloneSessions(server, { forkOn, ...common })
    return server
  }
  const bounds = { maxMessageBytes: MOST_MESSAGE_BYTES }
  const speaking = {
    codec: speaks === 'kdb' ? kdb({ ...bounds, authenticate: (user) => user !== 'nobody' }) : ndjson(bounds),
    evaluate: late ? evaluateLate : evaluate,
    onUpdate,
  }
  if (kind === 'queries') cloneQueries(server, { ...speaking, ...common })
  else cloneSessions(server, { ...speaking, forkOn, ...common })
  return server
}

function sum(numbers: number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function connectionsOf(server: NetServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

process.once('message', (start) => void serve(start as Start))
