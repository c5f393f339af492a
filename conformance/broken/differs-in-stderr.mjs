import { isClone } from 'node-qclone'

console.log('the same')
console.error('in a clone:', isClone())
