import { process } from '../node-internals/process.js'
import { redefine } from './hold.js'
import { calledInClones } from './precompile.js'

/** Updates `process.pid`, which Node caches at startup. */
export function takeIdentity(pid: number): void {
  redefine(process, 'pid', { value: pid, writable: false })
}

calledInClones(takeIdentity)
