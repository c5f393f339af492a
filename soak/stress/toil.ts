import { gc } from '../../harness/heap.js'

const OBJECTS = 60_000
const FUNCTIONS = 10
const CALLS = 400
const ROUNDS = 500
const PARSED = 5000
const BUFFERS = 128
const BUFFER_BYTES = 65_536

/**
Allocates tens of megabytes, collects garbage, compiles functions, makes them hot, and parses. Takes about 100 ms.
*/
export function toil(nonce: number): number {
  const objects = Array.from({ length: OBJECTS }, (_, i) => ({
    n: nonce + i,
    text: `n${i}`,
    pair: [i, nonce],
  }))
  gc({ type: 'minor' })
  const buffers = Array.from({ length: BUFFERS }, () => new Uint8Array(BUFFER_BYTES).fill(1))
  const computed = compute(nonce)
  gc()
  const parsed = JSON.parse(JSON.stringify(objects.slice(0, PARSED))) as typeof objects
  gc({ type: 'minor' })
  return (
    objects.reduce((sum, { n, pair }) => sum + n + (pair[1] ?? 0), 0) +
    parsed.reduce((sum, { n, text }) => sum + n + text.length, 0) +
    buffers.reduce((sum, bytes) => sum + (bytes[BUFFER_BYTES - 1] ?? 0), 0) +
    computed
  )
}

function compute(nonce: number): number {
  let sum = 0
  for (let k = 0; k < FUNCTIONS; k++) {
    const f = new Function('n', `let t = 0; for (let i = 0; i < n; i++) t += i * ${nonce + k}; return t`)
    for (let i = 0; i < CALLS; i++) sum += f(ROUNDS)
  }
  return sum
}

/** Expected result of {@link toil}, computed by arithmetic alone to keep the parent free. */
export function expectedOf(nonce: number): number {
  const objects = 2 * OBJECTS * nonce + triangle(OBJECTS)
  let digits = 0
  for (let i = 0; i < PARSED; i++) digits += `n${i}`.length
  const parsed = PARSED * nonce + triangle(PARSED) + digits
  const computed = CALLS * triangle(ROUNDS) * (FUNCTIONS * nonce + triangle(FUNCTIONS))
  return objects + parsed + BUFFERS + computed
}

/** 0 + 1 + … + (n - 1) */
function triangle(n: number): number {
  return (n * (n - 1)) / 2
}
