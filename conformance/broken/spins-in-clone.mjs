import { isClone } from 'node-qclone'

console.log('the same')
while (isClone());
