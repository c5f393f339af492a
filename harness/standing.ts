import { setTimeout as delay } from 'node:timers/promises'
import { gc, settle } from './heap.js'
import { countDescriptors, countMappings, countMarkedMappings } from './proc.js'

/** Number of collections until RSS has dropped to what the process needs. */
const COLLECTIONS = 5
const COLLECTION_STEP_MS = 50

/** Resources that a process holds. */
export interface Standing {
  descriptors: number
  mappings: number
  markedMappings: number
  rssMb: number
}

/** Resources of this process, with no garbage. */
export async function standing(): Promise<Standing> {
  for (let i = 0; i < COLLECTIONS; i++) {
    gc()
    // V8's threads unmap what it no longer needs.
    await delay(COLLECTION_STEP_MS)
    await settle()
  }
  return {
    descriptors: countDescriptors(),
    mappings: countMappings(),
    markedMappings: countMarkedMappings(),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  }
}
