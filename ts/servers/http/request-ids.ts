import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'

/** Function that generates the id of a request. */
type Draw = (request: IncomingMessage) => string

/** Fastify instance, as far as it is used here. */
interface Fastify {
  readonly server: Server
  readonly genReqId: Draw
  setGenReqId(draw: Draw): unknown
}

/** Fastify's own id generators, by server. */
const drawers = new WeakMap<Server, Draw>()

/** Ids that the parent generated for requests before the fork. */
const drawn = new WeakMap<IncomingMessage, string>()

/*
Fastify counts requests in the process that handles them, so each clone would begin with the same number. Its diagnostics
channel publishes each new instance (see "Hooks" in Fastify's reference).
*/
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: Fastify }
  // Fastify 3 and older cannot change the generator.
  if (typeof fastify.setGenReqId !== 'function') return
  const draw = fastify.genReqId
  drawers.set(fastify.server, draw)
  fastify.setGenReqId((request) => drawn.get(request) ?? distinguished(draw(request)))
})

/** Suffix that distinguishes this process's ids from those of others, if it serves many requests of a server. */
let own = ''

/** In a reader: adds `mark` to the ids that Fastify counts from now on, since each reader counts from the same number. */
export function distinguishRequestIds(mark: string): void {
  own = `.${mark}`
}

/** Fastify's own ids look like `req-1f`. A custom generator must itself avoid duplicates among clones. */
function distinguished(id: string): string {
  return own && COUNTED.test(id) ? id + own : id
}

const COUNTED = /^req-[0-9a-z]+$/

/** Generates, in the parent, the id that a request's clone will use. */
export function drawRequestId(server: Server, request: IncomingMessage): void {
  const draw = drawers.get(server)
  if (!draw) return
  try {
    drawn.set(request, draw(request))
  } catch {
    // A user's function threw. It throws in the clone too, where only this request fails.
  }
}
