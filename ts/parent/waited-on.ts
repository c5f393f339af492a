/** Returns why a clone may have waited in vain, for its wait status. Empty if it wrote to no silent connection. */
export function waitingInWords(peers: readonly string[]): string {
  if (peers.length === 0) return ''
  return `; it waited on its parent's connection to ${peers.join(', ')}, where the parent had a request under way: connect again in the clone`
}
