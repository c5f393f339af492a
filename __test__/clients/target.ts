/** Where a client finds a server, on this machine. */
export interface Target {
  readonly scheme: 'http' | 'https'
  readonly port: number
  /** A socket to use in place of the port. */
  readonly socketPath?: string
}

export const HOST = '127.0.0.1'

export function originOf({ scheme, port }: Target): string {
  return `${scheme}://${HOST}:${port}`
}
