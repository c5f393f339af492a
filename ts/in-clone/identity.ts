import { process } from '../node-internals/process.js'
import { calledInClones } from './precompile.js'

/** Updates `process.pid`, which Node caches at startup. */
export function takeIdentity(pid: number): void {
  Object.defineProperty(process, 'pid', { value: pid, configurable: true, enumerable: true, writable: false })
}

calledInClones(takeIdentity)
