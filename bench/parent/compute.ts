/** Computes without pause until `end`, in milliseconds since the epoch. Runs in a clone or in a thread of piscina. */
export function compute(end: number): number {
  let sum = 0
  while (Date.now() < end) for (let i = 0; i < STEPS_BETWEEN_LOOKS; i++) sum += Math.sqrt(i)
  return sum
}

export default compute

const STEPS_BETWEEN_LOOKS = 100_000
