import type { AddressInfo } from 'node:net'
import { cloneRequests } from 'node-qclone'
import type { App } from './app.js'

const HOST = '127.0.0.1'

/** Starts an app on loopback, with or without clones for its requests. */
export async function serve(app: App, { clone }: { clone: boolean }) {
  const server = await app.start(0, HOST)
  if (clone) cloneRequests(server)
  return { server, port: (server.address() as AddressInfo).port }
}
