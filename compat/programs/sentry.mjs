// package: @sentry/node
// parent: reports errors to a server of its own
// clone: reports one by a client of its own
import { reported } from './lib/sentry.mjs'

export const { use, inClone, after } = await reported({})
