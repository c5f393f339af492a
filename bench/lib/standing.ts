import { setTimeout as delay } from 'node:timers/promises'
import { gc, settle } from './heap.js'
import { countDescriptors, countMappings, countMarkedMappings } from './proc.js'

/** Collections until RSS has come down to what the process needs. */
const COLLECTIONS = 5
const COLLECTION_STEP_MS = 50

/** What a process holds of the system. */
export interface Standing {
  descriptors: number
  mappings: number
  markedMappings: number
  rssMb: number
}

/** What this process holds, with no garbage. */
export async function standing(): Promise<Standing> {
  for (let i = 0; i < COLLECTIONS; i++) {
    gc()
    // What V8 no longer needs, its threads unmap.
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
