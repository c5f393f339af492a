// ends: 1
import { isClone } from 'node-qclone'

console.log('the same')
throw new Error(`in a clone: ${isClone()}`)
