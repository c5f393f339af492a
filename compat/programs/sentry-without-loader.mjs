// package: @sentry/node
// row: `@sentry/node`, with `enableRuntimeChannelInjection: false`
// parent: reports errors to a server of its own
// clone: reports one by a client of its own
import { reported } from './lib/sentry.mjs'

// What it injects into modules comes by a loader's thread, where Node has no synchronous hooks.
export const { use, inClone, after } = await reported({ enableRuntimeChannelInjection: false })
