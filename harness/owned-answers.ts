/** Sum of all accounts, which transfers do not change. */
export const TOTAL = 1_000_000
export const ACCOUNTS = 1000

/** Question of one client. */
export interface Asked {
  /** Id of the client. */
  readonly id: string
  /** Number of the question. */
  readonly nonce: number
  /** Length of the answer's padding. */
  readonly size: number
}

/** Answer that shows whose it is, and whether its snapshot is consistent. */
export interface Owned extends Asked {
  /** Sum of all accounts. */
  readonly sum: number
  readonly padding: string
}

/** Text derived from its owner, so that it cannot be another's. */
export function paddingFor({ id, nonce, size }: Asked): string {
  const own = `${id}.${nonce}|`
  return own.repeat(Math.ceil(size / own.length)).slice(0, size)
}

/** Why an answer is wrong; `undefined` if it is right. */
export function faultIn(asked: Asked, answered: Owned): string | undefined {
  for (const name of ['id', 'nonce', 'size'] as const) {
    if (answered[name] !== asked[name]) return `${name} is ${answered[name]}, not ${asked[name]}`
  }
  if (answered.sum !== TOTAL) return `the sum is ${answered.sum}`
  if (answered.padding !== paddingFor(asked))
    return `the padding of ${asked.id}.${asked.nonce} belongs to another client or is cut`
  return undefined
}
