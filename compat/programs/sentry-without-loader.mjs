// package: @sentry/node
// row: `@sentry/node`, with `enableRuntimeChannelInjection: false`
// parent: reports errors to a server of its own
// clone: reports one by a client of its own
import { reported } from './lib/sentry.mjs'

// On a Node without synchronous hooks, the injection into modules runs on a loader's thread.
export const { use, inClone, after } = await reported({ enableRuntimeChannelInjection: false })
