const GROUPS = 8
/** A provider gives each customer a network of this size or larger: see RFC 6177. */
const GROUPS_OF_NETWORK = 4
const MAPPED = '::ffff:'

/** Returns the key that distinguishes clients by address: an IPv4 address, or the /64 network of an IPv6 address. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  if (address.startsWith(MAPPED)) return address.slice(MAPPED.length)
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array<string>(Math.max(0, GROUPS - before.length - after.length)).fill('0')
  return [...before, ...zeros, ...after].slice(0, GROUPS_OF_NETWORK).join(':')
}
