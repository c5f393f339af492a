/** Why a clone may have waited in vain, to follow how it ended; empty when it has written to no silent connection. */
export function waitingInWords(peers: readonly string[]): string {
  if (peers.length === 0) return ''
  return `; it waited on its parent's connection to ${peers.join(', ')}, where a request of the parent's was under way: connect anew in the clone`
}
