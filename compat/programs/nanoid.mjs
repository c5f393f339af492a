// package: nanoid
// parent: draws ids
// clone: draws one
import { nanoid } from 'nanoid'
import { differ } from './lib/ids.mjs'

export const { use, inClone, after } = differ(() => nanoid())
