// package: dataloader
// parent: loads by batches
// clone: loads by the same loader
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import DataLoader from 'dataloader'

const loader = new DataLoader(
  async (keys) => {
    await delay(1)
    return keys.map((key) => 2 * key)
  },
  { cache: false },
)

export const use = async () => assert.deepEqual(await Promise.all([loader.load(1), loader.load(2)]), [2, 4])
export const inClone = use
