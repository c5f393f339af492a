import { isClone } from 'node-qclone'

console.log('in a clone:', isClone())
