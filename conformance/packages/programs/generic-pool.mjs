import { createPool } from 'generic-pool'

let made = 0
const pool = createPool({ create: async () => ({ id: ++made }), destroy: async () => {} }, { max: 2, min: 0 })
const held = await Promise.all([pool.acquire(), pool.acquire()])
const third = pool.acquire()
console.log(
  pool.borrowed,
  pool.pending,
  held.map(({ id }) => id),
)
await pool.release(held[0])
console.log((await third).id, made)
await Promise.all([pool.release(held[1]), pool.release(await third)])
await pool.drain()
await pool.clear()
