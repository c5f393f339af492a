/** Actions of a handler. */
export const ACTS = [
  'at-once',
  'later',
  'echo',
  'pipe',
  'stream',
  'empty',
  'close',
  'length',
  'trailers',
  'hints',
  'early',
  'throw',
  'reject',
  'die',
  'die-later',
  'die-within',
  'exit',
  'never',
  'destroy',
  'destroy-within',
  'count',
] as const

export type Act = (typeof ACTS)[number]

/** Request of a client. */
export interface Ask {
  readonly act: Act
  /** Text of the answer. */
  readonly token: string
  /** Bytes of the answer. */
  readonly size: number
  /** Milliseconds the handler takes; `0` is one turn of the event loop. */
  readonly wait: number
  /** Whether the parent must answer, even if the server makes clones. */
  readonly byParent: boolean
}

const MOST_BYTES = 1 << 22
const MOST_WAIT_MS = 10_000

/** Encodes a request as a path with a checksum, so that a corrupted path is not taken for another client's. */
export function pathOf({ act, token, size, wait, byParent }: Ask): string {
  const rest = `${byParent ? 'p' : 'c'}/${act}/${token.slice(1, -1)}/${size}/${wait}`
  return `/${rest}/${checkOf(rest)}`
}

/** Decodes a path made by {@link pathOf}. Returns `undefined` for any other. */
export function readPath(path: string): Ask | undefined {
  const [, rest = '', check] = /^\/(.*)\/([\da-f]+)$/.exec(path) ?? []
  if (check !== checkOf(rest)) return undefined
  const [by, act, token, size, wait] = rest.split('/')
  const ask = {
    act: act as Act,
    token: `<${token}>`,
    size: Number(size),
    wait: Number(wait),
    byParent: by === 'p',
  }
  const isKnown = ACTS.includes(ask.act) && ask.size <= MOST_BYTES && ask.wait <= MOST_WAIT_MS
  return isKnown ? ask : undefined
}

/** FNV-1a with a fixed number of digits, so that the length of a message does not depend on its play. */
function checkOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
