import { isClone } from 'node-qclone'

console.log('the same')
if (isClone()) setInterval(() => {}, 1000)
