import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'

/** Draws the id of a request. */
type Draw = (request: IncomingMessage) => string

/** An instance of Fastify, as far as it is used here. */
interface Fastify {
  readonly server: Server
  readonly genReqId: Draw
  setGenReqId(draw: Draw): unknown
}

/** How the framework of a server draws ids. */
const drawers = new WeakMap<Server, Draw>()

/** Ids that this process drew for requests before their clones were made. */
const drawn = new WeakMap<IncomingMessage, string>()

/*
Fastify counts requests where it handles them: in each clone it would begin with the same number. Its diagnostics channel
gives each new instance (Hooks in Fastify's reference).
*/
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: Fastify }
  // Before Fastify 4.
  if (typeof fastify.setGenReqId !== 'function') return
  const draw = fastify.genReqId
  drawers.set(fastify.server, draw)
  fastify.setGenReqId((request) => drawn.get(request) ?? draw(request))
})

/** Draws, in the parent, the id that a request's clone will use for it. */
export function drawRequestId(server: Server, request: IncomingMessage): void {
  const draw = drawers.get(server)
  if (!draw) return
  try {
    drawn.set(request, draw(request))
  } catch {
    // A user's function, which throws in the clone, too, where it fails this request alone.
  }
}
