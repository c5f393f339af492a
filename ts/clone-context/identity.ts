import { process } from '../node.js'
import { calledInClones } from './ahead.js'

/** `process.pid`, which node remembers from its start. */
export function takeIdentity(pid: number): void {
  Object.defineProperty(process, 'pid', { value: pid, configurable: true, enumerable: true, writable: false })
}

calledInClones(takeIdentity)
